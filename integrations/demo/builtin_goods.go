package demo

// family is a kind of article of the built-in retailer: what its products are called, cost and vary in.
type family struct {
	category string // leaf
	nouns    []Text
	min, max int // list price in whole yuan
	options  []axis
	facts    []Attribute
	brands   []Text
}

// axis is one way in which variants differ.
type axis struct {
	name   Text
	values []Text
}

var (
	apparelBrands = []Text{{"云汐", "Yunxi"}, {"北岸", "Northbank"}, {"素人", "Plainly"}}
	sportBrands   = []Text{{"疾风", "Galewind"}, {"岩羊", "Rockgoat"}}
	beautyBrands  = []Text{{"山茶集", "Camellia & Co"}, {"清颜", "Qingyan"}}
	foodBrands    = []Text{{"田野家", "Fieldhouse"}, {"三餐", "Sancan"}, {"禾光", "Heguang"}}
	homeBrands    = []Text{{"木作", "Muzuo"}, {"日常", "Everyday"}}
	techBrands    = []Text{{"声维", "Sonavi"}, {"芯点", "Coredot"}}
	kidBrands     = []Text{{"小芽", "Sprout"}, {"圆圆", "Yuanyuan"}}
	petBrands     = []Text{{"爪印", "Pawmark"}}
	paperBrands   = []Text{{"墨白", "Mobai"}, {"格子", "Gridline"}}
)

var (
	colours = axis{Text{"颜色", "Colour"}, []Text{
		{"黑色", "Black"}, {"白色", "White"}, {"雾蓝", "Mist Blue"}, {"燕麦色", "Oat"}, {"墨绿", "Dark Green"}, {"砖红", "Brick Red"},
	}}
	sizes = axis{Text{"尺码", "Size"}, []Text{{"S", "S"}, {"M", "M"}, {"L", "L"}, {"XL", "XL"}}}
	shoes = axis{Text{"鞋码", "Shoe size"}, []Text{{"37", "37"}, {"38", "38"}, {"40", "40"}, {"42", "42"}, {"43", "43"}}}
	ages  = axis{Text{"适龄", "Age"}, []Text{{"0-1岁", "0-1 y"}, {"1-3岁", "1-3 y"}, {"3-6岁", "3-6 y"}}}
	taste = axis{Text{"口味", "Flavour"}, []Text{{"原味", "Original"}, {"海盐", "Sea Salt"}, {"抹茶", "Matcha"}, {"香辣", "Spicy"}}}
	grams = axis{Text{"净含量", "Net weight"}, []Text{{"250克", "250 g"}, {"500克", "500 g"}, {"1千克", "1 kg"}}}
	fluid = axis{Text{"容量", "Volume"}, []Text{{"50毫升", "50 ml"}, {"100毫升", "100 ml"}, {"250毫升", "250 ml"}, {"500毫升", "500 ml"}}}
	shade = axis{Text{"色号", "Shade"}, []Text{{"01 奶茶", "01 Milk Tea"}, {"02 玫瑰", "02 Rose"}, {"03 豆沙", "03 Dusty Pink"}, {"04 正红", "04 True Red"}}}
	bed   = axis{Text{"规格", "Bed size"}, []Text{{"1.5米床", "150 cm"}, {"1.8米床", "180 cm"}, {"2.0米床", "200 cm"}}}
	packs = axis{Text{"包装", "Pack"}, []Text{{"单件", "Single"}, {"三件装", "Pack of 3"}, {"十件装", "Pack of 10"}}}
)

// shelves are the categories: a top shelf and its leaves.
var shelves = []struct {
	title  Text
	leaves []struct {
		key   string
		title Text
	}
}{
	{Text{"服饰", "Apparel"}, leaves("tops", "上装", "Tops", "bottoms", "下装", "Bottoms", "outer", "外套", "Outerwear")},
	{Text{"鞋靴", "Footwear"}, leaves("sneakers", "运动鞋", "Sneakers", "casual", "休闲鞋", "Casual Shoes")},
	{Text{"箱包", "Bags"}, leaves("backpacks", "双肩包", "Backpacks", "luggage", "旅行箱", "Luggage")},
	{Text{"美妆", "Beauty"}, leaves("skincare", "护肤", "Skincare", "makeup", "彩妆", "Make-up")},
	{Text{"个护清洁", "Personal Care"}, leaves("hair", "洗护", "Hair & Body", "laundry", "家清", "Laundry & Cleaning")},
	{Text{"食品", "Food"}, leaves("snacks", "零食", "Snacks", "drinks", "冲饮", "Drinks", "staples", "粮油", "Staples")},
	{Text{"家居", "Home"}, leaves("bedding", "床品", "Bedding", "storage", "收纳", "Storage")},
	{Text{"厨房", "Kitchen"}, leaves("cookware", "锅具", "Cookware", "cups", "杯壶", "Cups & Bottles")},
	{Text{"数码", "Electronics"}, leaves("audio", "影音", "Audio", "power", "充电", "Power & Cables")},
	{Text{"母婴", "Baby & Kids"}, leaves("babycare", "婴童用品", "Baby Care", "toys", "玩具", "Toys")},
	{Text{"宠物", "Pets"}, leaves("petfood", "宠物食品", "Pet Food", "petgear", "宠物用品", "Pet Supplies")},
	{Text{"文具与户外", "Stationery & Outdoor"}, leaves("paper", "文具", "Stationery", "outdoor", "户外", "Outdoor")},
}

type leaf = struct {
	key   string
	title Text
}

func leaves(triples ...string) []leaf {
	var out []leaf
	for i := 0; i < len(triples); i += 3 {
		out = append(out, leaf{triples[i], Text{triples[i+1], triples[i+2]}})
	}
	return out
}

func fact(nameZH, name, valueZH, value string) Attribute {
	return Attribute{Text{nameZH, name}, Text{valueZH, value}}
}

var (
	cotton = []Attribute{fact("材质", "Material", "100% 棉", "100 % cotton"), fact("洗涤", "Care", "30°C 机洗", "Machine wash 30 °C")}
	shell  = []Attribute{fact("材质", "Material", "再生尼龙", "Recycled nylon"), fact("功能", "Feature", "防泼水", "Water repellent")}
	steel  = []Attribute{fact("材质", "Material", "304 不锈钢", "304 stainless steel")}
	origin = []Attribute{fact("产地", "Origin", "中国", "China"), fact("保质期", "Shelf life", "12个月", "12 months")}
	gentle = []Attribute{fact("适用肤质", "Skin type", "所有肤质", "All skin types")}
	usb    = []Attribute{fact("接口", "Port", "USB-C", "USB-C"), fact("保修", "Warranty", "1年", "1 year")}
)

var families = []family{
	{"tops", []Text{{"圆领短袖T恤", "Crew-neck T-Shirt"}, {"牛津纺衬衫", "Oxford Shirt"}, {"针织开衫", "Knit Cardigan"}, {"连帽卫衣", "Hoodie"}}, 79, 399, []axis{colours, sizes}, cotton, apparelBrands},
	{"bottoms", []Text{{"直筒牛仔裤", "Straight Jeans"}, {"束脚运动裤", "Joggers"}, {"百褶半身裙", "Pleated Skirt"}}, 129, 459, []axis{colours, sizes}, cotton, apparelBrands},
	{"outer", []Text{{"轻薄羽绒服", "Light Down Jacket"}, {"防风冲锋衣", "Windproof Shell Jacket"}, {"羊毛大衣", "Wool Coat"}}, 399, 1699, []axis{colours, sizes}, shell, apparelBrands},
	{"sneakers", []Text{{"缓震跑鞋", "Cushioned Running Shoes"}, {"篮球鞋", "Basketball Shoes"}, {"越野跑鞋", "Trail Running Shoes"}}, 299, 1099, []axis{colours, shoes}, shell, sportBrands},
	{"casual", []Text{{"帆布鞋", "Canvas Shoes"}, {"乐福鞋", "Loafers"}, {"雪地靴", "Snow Boots"}}, 159, 699, []axis{colours, shoes}, cotton, apparelBrands},
	{"backpacks", []Text{{"通勤双肩包", "Commuter Backpack"}, {"儿童书包", "Kids' School Bag"}, {"折叠背包", "Foldable Daypack"}}, 99, 599, []axis{colours}, shell, sportBrands},
	{"luggage", []Text{{"20寸登机箱", "20-inch Cabin Case"}, {"24寸托运箱", "24-inch Suitcase"}, {"洗漱包", "Wash Bag"}}, 69, 1299, []axis{colours}, shell, homeBrands},
	{"skincare", []Text{{"保湿精华", "Hydrating Serum"}, {"防晒乳 SPF50", "Sunscreen SPF 50"}, {"舒缓面霜", "Calming Cream"}, {"氨基酸洁面", "Amino Acid Cleanser"}}, 59, 499, []axis{fluid}, gentle, beautyBrands},
	{"makeup", []Text{{"丝绒唇釉", "Velvet Lip Tint"}, {"气垫粉底", "Cushion Foundation"}, {"四色眼影", "Eyeshadow Quad"}}, 59, 329, []axis{shade}, gentle, beautyBrands},
	{"hair", []Text{{"控油洗发水", "Balancing Shampoo"}, {"香氛沐浴露", "Scented Body Wash"}, {"修护发膜", "Repair Hair Mask"}}, 29, 159, []axis{fluid}, gentle, beautyBrands},
	{"laundry", []Text{{"浓缩洗衣液", "Concentrated Detergent"}, {"洗碗块", "Dishwasher Tablets"}, {"湿厕纸", "Moist Toilet Tissue"}}, 15, 99, []axis{packs}, origin, homeBrands},
	{"snacks", []Text{{"每日坚果", "Daily Nuts"}, {"手工曲奇", "Handmade Cookies"}, {"冻干草莓", "Freeze-Dried Strawberries"}, {"烤海苔", "Roasted Seaweed"}}, 12, 129, []axis{taste}, origin, foodBrands},
	{"drinks", []Text{{"冷萃咖啡液", "Cold Brew Concentrate"}, {"龙井绿茶", "Longjing Green Tea"}, {"燕麦奶", "Oat Drink"}}, 19, 199, []axis{packs}, origin, foodBrands},
	{"staples", []Text{{"东北珍珠米", "North-East Short-Grain Rice"}, {"冷榨菜籽油", "Cold-Pressed Rapeseed Oil"}, {"荞麦挂面", "Buckwheat Noodles"}}, 9, 139, []axis{grams}, origin, foodBrands},
	{"bedding", []Text{{"水洗棉四件套", "Washed Cotton Bedding Set"}, {"乳胶枕", "Latex Pillow"}, {"四季被", "All-Season Duvet"}}, 129, 899, []axis{bed}, cotton, homeBrands},
	{"storage", []Text{{"抽屉收纳盒", "Drawer Organiser"}, {"真空压缩袋", "Vacuum Bags"}, {"折叠收纳箱", "Folding Storage Box"}}, 19, 199, []axis{packs}, origin, homeBrands},
	{"cookware", []Text{{"不粘炒锅", "Non-Stick Wok"}, {"珐琅铸铁锅", "Enamelled Casserole"}, {"汤锅", "Stock Pot"}}, 99, 799, []axis{colours}, steel, homeBrands},
	{"cups", []Text{{"保温杯", "Vacuum Flask"}, {"马克杯", "Mug"}, {"运动水壶", "Sports Bottle"}}, 29, 259, []axis{colours}, steel, homeBrands},
	{"audio", []Text{{"真无线耳机", "True Wireless Earbuds"}, {"头戴降噪耳机", "Noise-Cancelling Headphones"}, {"便携音箱", "Portable Speaker"}}, 149, 1999, []axis{colours}, usb, techBrands},
	{"power", []Text{{"氮化镓充电器", "GaN Charger"}, {"磁吸充电宝", "Magnetic Power Bank"}, {"编织数据线", "Braided Cable"}}, 29, 329, []axis{colours}, usb, techBrands},
	{"babycare", []Text{{"婴儿纸尿裤", "Nappies"}, {"硅胶奶瓶", "Silicone Bottle"}, {"儿童水杯", "Toddler Cup"}}, 39, 269, []axis{ages}, gentle, kidBrands},
	{"toys", []Text{{"木质积木", "Wooden Blocks"}, {"磁力片", "Magnetic Tiles"}, {"毛绒小熊", "Plush Bear"}}, 49, 399, []axis{ages}, cotton, kidBrands},
	{"petfood", []Text{{"无谷猫粮", "Grain-Free Cat Food"}, {"鲜肉狗粮", "Fresh Meat Dog Food"}, {"冻干鸡胸", "Freeze-Dried Chicken"}}, 39, 359, []axis{grams}, origin, petBrands},
	{"petgear", []Text{{"豆腐猫砂", "Tofu Cat Litter"}, {"牵引绳", "Dog Lead"}, {"猫抓板", "Scratching Board"}}, 25, 189, []axis{packs}, origin, petBrands},
	{"paper", []Text{{"点阵笔记本", "Dotted Notebook"}, {"中性笔", "Gel Pen"}, {"水彩颜料", "Watercolour Set"}}, 8, 129, []axis{packs}, origin, paperBrands},
	{"outdoor", []Text{{"双人帐篷", "Two-Person Tent"}, {"蛋卷桌", "Roll-Up Table"}, {"速干毛巾", "Quick-Dry Towel"}}, 39, 899, []axis{colours}, shell, sportBrands},
}

// lines tell products of one noun apart.
var lines = []Text{
	{"经典", "Classic"},
	{"轻享", "Lite"},
	{"臻选", "Select"},
	{"城市", "Urban"},
	{"自然", "Nature"},
	{"四季", "Seasons"},
	{"家庭", "Family"},
	{"旅行", "Travel"},
	{"周末", "Weekend"},
	{"匠心", "Crafted"},
	{"环保", "Eco"},
	{"专业", "Pro"},
}
