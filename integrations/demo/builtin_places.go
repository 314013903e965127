package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// city is where the built-in retailer trades. Coordinates of districts are those of their commercial centres, rough.
type city struct {
	code      string
	name      Text
	province  string
	areaCode  string // telephone
	postCode  string
	districts []district
	fronts    []district
	depots    []district
}

type district struct {
	name     Text
	line     string
	lat, lon float64
}

var cities = []city{
	{"SH", Text{"上海", "Shanghai"}, "上海市", "021", "200000", []district{
		{Text{"黄浦区", "Huangpu"}, "南京东路300号", 31.2352, 121.4805},
		{Text{"静安区", "Jing'an"}, "南京西路1266号", 31.2295, 121.4530},
		{Text{"徐汇区", "Xuhui"}, "虹桥路1号", 31.1946, 121.4365},
		{Text{"浦东新区", "Pudong"}, "世纪大道8号", 31.2370, 121.5020},
		{Text{"长宁区", "Changning"}, "长宁路1018号", 31.2206, 121.4156},
		{Text{"普陀区", "Putuo"}, "中山北路3300号", 31.2330, 121.4120},
		{Text{"虹口区", "Hongkou"}, "西江湾路388号", 31.2707, 121.4778},
		{Text{"杨浦区", "Yangpu"}, "淞沪路8号", 31.3020, 121.5140},
		{Text{"闵行区", "Minhang"}, "沪闵路7388号", 31.1130, 121.3830},
		{Text{"宝山区", "Baoshan"}, "牡丹江路1569号", 31.4050, 121.4890},
		{Text{"嘉定区", "Jiading"}, "澄浏公路18号", 31.3750, 121.2650},
		{Text{"松江区", "Songjiang"}, "新松江路925号", 31.0320, 121.2230},
	}, []district{
		{Text{"静安区", "Jing'an"}, "江宁路445弄2号", 31.2420, 121.4460},
		{Text{"浦东新区", "Pudong"}, "张杨路1996号", 31.2310, 121.5340},
	}, []district{{Text{"青浦区", "Qingpu"}, "华新镇华志路1685号", 31.2430, 121.2360}}},
	{"BJ", Text{"北京", "Beijing"}, "北京市", "010", "100000", []district{
		{Text{"朝阳区", "Chaoyang"}, "三里屯路19号", 39.9360, 116.4550},
		{Text{"东城区", "Dongcheng"}, "王府井大街138号", 39.9150, 116.4110},
		{Text{"西城区", "Xicheng"}, "西单北大街131号", 39.9110, 116.3740},
		{Text{"海淀区", "Haidian"}, "中关村大街15号", 39.9810, 116.3150},
		{Text{"丰台区", "Fengtai"}, "南四环西路188号", 39.8290, 116.2890},
		{Text{"通州区", "Tongzhou"}, "新华西街58号", 39.9050, 116.6480},
		{Text{"昌平区", "Changping"}, "立汤路181号", 40.0690, 116.4120},
		{Text{"大兴区", "Daxing"}, "欣宁街15号", 39.7880, 116.3280},
	}, []district{{Text{"朝阳区", "Chaoyang"}, "望京街9号", 39.9960, 116.4700}}, []district{{Text{"顺义区", "Shunyi"}, "空港物流园八街1号", 40.0980, 116.5390}}},
	{"GZ", Text{"广州", "Guangzhou"}, "广东省", "020", "510000", []district{
		{Text{"天河区", "Tianhe"}, "天河路208号", 23.1320, 113.3270},
		{Text{"越秀区", "Yuexiu"}, "北京路168号", 23.1250, 113.2700},
		{Text{"海珠区", "Haizhu"}, "江南大道中180号", 23.0990, 113.2730},
		{Text{"荔湾区", "Liwan"}, "第十甫路188号", 23.1160, 113.2470},
		{Text{"番禺区", "Panyu"}, "汉溪大道东290号", 22.9980, 113.3380},
	}, []district{{Text{"天河区", "Tianhe"}, "车陂路113号", 23.1230, 113.3960}}, []district{{Text{"黄埔区", "Huangpu"}, "开发大道3000号", 23.1780, 113.5120}}},
	{"SZ", Text{"深圳", "Shenzhen"}, "广东省", "0755", "518000", []district{
		{Text{"罗湖区", "Luohu"}, "宝安南路1881号", 22.5420, 114.1100},
		{Text{"福田区", "Futian"}, "福华三路269号", 22.5360, 114.0590},
		{Text{"南山区", "Nanshan"}, "文心五路33号", 22.5190, 113.9360},
		{Text{"宝安区", "Bao'an"}, "创业一路1018号", 22.5560, 113.8850},
		{Text{"龙岗区", "Longgang"}, "龙翔大道7188号", 22.7200, 114.2480},
	}, []district{{Text{"南山区", "Nanshan"}, "科苑路15号", 22.5470, 113.9440}}, nil},
	{"HZ", Text{"杭州", "Hangzhou"}, "浙江省", "0571", "310000", []district{
		{Text{"上城区", "Shangcheng"}, "延安路98号", 30.2440, 120.1640},
		{Text{"拱墅区", "Gongshu"}, "武林广场1号", 30.2740, 120.1610},
		{Text{"西湖区", "Xihu"}, "文三路478号", 30.2790, 120.1250},
		{Text{"滨江区", "Binjiang"}, "江汉路1515号", 30.2050, 120.2090},
		{Text{"余杭区", "Yuhang"}, "文一西路969号", 30.2820, 120.0230},
	}, []district{{Text{"西湖区", "Xihu"}, "古墩路701号", 30.3110, 120.1000}}, nil},
	{"CD", Text{"成都", "Chengdu"}, "四川省", "028", "610000", []district{
		{Text{"锦江区", "Jinjiang"}, "中纱帽街8号", 30.6530, 104.0830},
		{Text{"青羊区", "Qingyang"}, "人民中路一段15号", 30.6660, 104.0640},
		{Text{"武侯区", "Wuhou"}, "天府大道北段1199号", 30.5740, 104.0640},
		{Text{"成华区", "Chenghua"}, "双庆路8号", 30.6520, 104.1120},
	}, []district{{Text{"高新区", "Gaoxin"}, "益州大道1666号", 30.5480, 104.0560}}, []district{{Text{"新都区", "Xindu"}, "物流大道88号", 30.7900, 104.1650}}},
	{"WH", Text{"武汉", "Wuhan"}, "湖北省", "027", "430000", []district{
		{Text{"江汉区", "Jianghan"}, "解放大道690号", 30.5830, 114.2720},
		{Text{"武昌区", "Wuchang"}, "中北路109号", 30.5550, 114.3360},
		{Text{"洪山区", "Hongshan"}, "珞喻路726号", 30.5080, 114.4000},
		{Text{"汉阳区", "Hanyang"}, "龙阳大道6号", 30.5520, 114.2080},
	}, []district{{Text{"洪山区", "Hongshan"}, "关山大道465号", 30.4960, 114.4110}}, nil},
	{"XA", Text{"西安", "Xi'an"}, "陕西省", "029", "710000", []district{
		{Text{"碑林区", "Beilin"}, "南大街30号", 34.2560, 108.9430},
		{Text{"雁塔区", "Yanta"}, "慈恩西路66号", 34.2190, 108.9610},
		{Text{"未央区", "Weiyang"}, "未央路170号", 34.3170, 108.9440},
	}, []district{{Text{"高新区", "Gaoxin"}, "科技路50号", 34.2340, 108.9000}}, nil},
	{"NJ", Text{"南京", "Nanjing"}, "江苏省", "025", "210000", []district{
		{Text{"玄武区", "Xuanwu"}, "中山路18号", 32.0440, 118.7840},
		{Text{"建邺区", "Jianye"}, "江东中路98号", 32.0330, 118.7360},
	}, []district{{Text{"秦淮区", "Qinhuai"}, "中华路50号", 32.0220, 118.7830}}, nil},
}

// builtinLocations makes every place of the cities, ordered by city, then stores, front warehouses, warehouses.
func builtinLocations(rng *rand.Rand, today time.Time) []Location {
	var out []Location
	for _, c := range cities {
		for i, d := range c.districts {
			out = append(out, storeIn(rng, c, d, i+1, today))
		}
		for i, d := range c.fronts {
			l := placeIn(c, d, KindFrontWarehouse, i+1, Text{"前置仓", "Express Hub"})
			l.Hours = everyDay("06:00", "24:00")
			l.Pickup = Pickup{Instant: true, Minutes: 5 + rng.IntN(6), Capacity: 40 + 10*rng.IntN(5)}
			out = append(out, l)
		}
		for i, d := range c.depots {
			l := placeIn(c, d, KindWarehouse, i+1, Text{"中心仓", "Distribution Centre"})
			l.Hours = everyDay("00:00", "24:00")
			out = append(out, l)
		}
	}
	return out
}

func placeIn(c city, d district, kind string, n int, what Text) Location {
	return Location{
		Code: fmt.Sprintf("%s-%s%02d", kind, c.code, n), Kind: kind,
		Name:    Text{c.name.Chinese + d.name.Chinese + what.Chinese, c.name.English + " " + d.name.English + " " + what.English},
		Country: "CN", Province: c.province, City: c.name.Chinese, District: d.name.Chinese, Line: d.line,
		PostCode: c.postCode, Phone: fmt.Sprintf("%s-5550%04d", c.areaCode, 100*int(kind[0]-'A')+n),
		Lat: d.lat, Lon: d.lon, Zone: "Asia/Shanghai",
	}
}

// storeIn varies what stores differ in: hours, holidays, services, cut-off and capacity.
func storeIn(rng *rand.Rand, c city, d district, n int, today time.Time) Location {
	l := placeIn(c, d, KindStore, n, Text{"店", "Store"})
	switch rng.IntN(4) {
	case 0:
		l.Hours = everyDay("10:00", "22:00")
	case 1:
		l.Hours = append(weekdays(1, 5, "09:00", "21:00"), weekdays(6, 7, "10:00", "22:00")...)
	case 2:
		l.Hours = everyDay("08:00", "24:00")
	default: // closed on Mondays
		l.Hours = weekdays(2, 7, "10:30", "20:30")
	}
	l.Holidays = holidaysAfter(rng, today)
	l.Pickup = Pickup{Inside: rng.IntN(8) != 0, Minutes: 15 + 5*rng.IntN(10)}
	if !l.Pickup.Inside {
		return l
	}
	l.Pickup.Curbside = rng.IntN(3) == 0
	l.Pickup.Instant = rng.IntN(3) == 0
	if rng.IntN(2) == 0 {
		l.Pickup.Cutoff = []string{"17:00", "18:30", "20:00"}[rng.IntN(3)]
	}
	if rng.IntN(3) != 0 {
		l.Pickup.Capacity = 10 + 5*rng.IntN(9)
	}
	return l
}

func everyDay(opens, closes string) []Hours { return weekdays(1, 7, opens, closes) }

func weekdays(from, to int, opens, closes string) []Hours {
	var out []Hours
	for d := from; d <= to; d++ {
		out = append(out, Hours{Weekday: d, Opens: opens, Closes: closes})
	}
	return out
}

// holidaysAfter are two days with other hours within the next month and New Year's Day.
func holidaysAfter(rng *rand.Rand, today time.Time) []Holiday {
	day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
	soon := 2 + rng.IntN(5)
	out := []Holiday{
		{Date: day(soon), Name: "盘点", Opens: "12:00", Closes: "18:00"},
		{Date: day(soon + 7 + rng.IntN(10)), Name: "设备检修"},
	}
	newYear := time.Date(today.Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	if newYear > out[1].Date {
		out = append(out, Holiday{Date: newYear, Name: "元旦", Opens: "11:00", Closes: "20:00"})
	}
	return out
}
