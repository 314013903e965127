package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
)

// builtinPeople is how many people the built-in retailer knows.
const builtinPeople = 60

var surnames = []Text{
	{"王", "Wang"},
	{"李", "Li"},
	{"张", "Zhang"},
	{"刘", "Liu"},
	{"陈", "Chen"},
	{"杨", "Yang"},
	{"黄", "Huang"},
	{"赵", "Zhao"},
	{"吴", "Wu"},
	{"周", "Zhou"},
	{"徐", "Xu"},
	{"孙", "Sun"},
	{"马", "Ma"},
	{"朱", "Zhu"},
	{"胡", "Hu"},
	{"郭", "Guo"},
}

var givenNames = []Text{
	{"伟", "Wei"},
	{"芳", "Fang"},
	{"娜", "Na"},
	{"敏", "Min"},
	{"静", "Jing"},
	{"磊", "Lei"},
	{"洋", "Yang"},
	{"艳", "Yan"},
	{"勇", "Yong"},
	{"杰", "Jie"},
	{"晓燕", "Xiaoyan"},
	{"志强", "Zhiqiang"},
	{"雨桐", "Yutong"},
	{"子涵", "Zihan"},
	{"建国", "Jianguo"},
	{"梓萱", "Zixuan"},
}

func builtinTiers() []Tier {
	return []Tier{
		{"SILVER", Text{"银卡", "Silver"}, 0},
		{"GOLD", Text{"金卡", "Gold"}, 2_000_00},
		{"PLATINUM", Text{"白金卡", "Platinum"}, 8_000_00},
	}
}

// tierOf is the highest tier that a year's spend reaches.
func tierOf(tiers []Tier, spend Cents) (code string) {
	for _, t := range tiers {
		if spend >= t.From {
			code = t.Code
		}
	}
	return code
}

// crowd makes people; what they do follows from one source of randomness.
type crowd struct {
	rng      *rand.Rand
	retailer *Retailer
	today    time.Time
	shelves  map[string][]*Variant // on sale at a store, by its code
	stores   map[string][]Location // by city
	cities   []string
	orders   int
}

// addBuiltinPeople gives the retailer its tiers and people: twelve that are written down here for tests and manuals, then a crowd.
func addBuiltinPeople(rng *rand.Rand, r *Retailer, today time.Time) {
	r.Tiers = builtinTiers()
	c := &crowd{rng: rng, retailer: r, today: today, shelves: map[string][]*Variant{}, stores: map[string][]Location{}}
	ranged := map[Pair]bool{}
	for _, s := range r.Stock {
		ranged[Pair{s.Location, s.SKU}] = s.Ranged
	}
	for _, l := range r.Locations {
		if l.Kind != KindStore {
			continue
		}
		if len(c.stores[l.City]) == 0 {
			c.cities = append(c.cities, l.City)
		}
		c.stores[l.City] = append(c.stores[l.City], l)
		for i := range r.Products {
			for j := range r.Products[i].Variants {
				if v := &r.Products[i].Variants[j]; !v.Discontinued && ranged[Pair{l.Code, v.SKU}] {
					c.shelves[l.Code] = append(c.shelves[l.Code], v)
				}
			}
		}
	}
	r.People = c.known()
	for n := len(r.People); n < builtinPeople; n++ {
		r.People = append(r.People, c.someone(1001+n))
	}
}

// phone is the mobile number of the n-th person.
func phone(n int) string { return fmt.Sprintf("+8613800%06d", 100_000+n) }

func accountID(n int) string  { return fmt.Sprintf("a-%d", n) }
func cardNumber(n int) string { return fmt.Sprintf("69%08d", n) }
func customerNo(n int) string { return fmt.Sprintf("C-%d", n) }

// known are the people that manuals and tests name.
func (c *crowd) known() []Person {
	city := c.cities[0]
	at := func(n int) Profile { return Profile{Phone: phone(n), PhoneVerified: true} }
	named := func(p Profile, name string) Profile { p.Name = name; return p }

	// a-1001: gold, the same in all three systems, with coupons of every kind and a history.
	lin := Profile{
		Name: "林晓", Phone: phone(1001), PhoneVerified: true, Email: "lin.xiao@example.com", UnionID: "o-lin-xiao", Birthday: "1990-05-01",
	}
	first := Person{Account: c.account(1001, lin, city), Card: c.card(1001, lin), Customer: c.customer(1001, lin, 2_680_00)}
	first.Card.PIN = "1001"
	first.Customer.Card, first.Customer.Account = first.Card.Number, first.Account.ID
	first.Account.Orders = c.pastOrders(3, 8)
	first.Card.Receipts = c.receipts(city, 5, 8)
	first.Customer.Coupons = c.allCoupons(1001)
	first.Customer.Points = append(first.Customer.Points, c.orderPoints(first.Account.Orders)...)
	first.Customer.Points = append(first.Customer.Points, PastPoints{
		Reference: "erp-welcome-1001", Source: "ERP", Points: 200, At: c.today.Add(-300 * day), Expires: c.today.Add(20 * day),
		Name: Text{"入会礼", "Welcome gift"},
	}, PastPoints{
		Reference: "erp-gift-1001", Source: "ERP", Points: -50, At: c.today.Add(-40 * day), Name: Text{"积分换礼", "Gift for points"},
	})

	// a-1002: an account and nothing else. a-1003: account and card by the same phone; the ERP does not know her.
	onlyAccount := Person{Account: c.account(1002, named(at(1002), "Zhou Min"), city)}
	noCustomer := Person{Account: c.account(1003, named(at(1003), "陈静"), city), Card: c.card(1003, named(at(1003), "陈静"))}
	noCustomer.Card.Receipts = c.receipts(city, 2, 8)

	// 6900000001: a card that no phone leads to; its PIN is 1234.
	loose := Person{Card: c.card(1, Profile{Name: "Wu Lei"})}
	loose.Card.PIN = "1234"
	loose.Card.Receipts = c.receipts(city, 2, 8)

	// 6900000002 and C-2002: who was never online; whoever registers with the phone is her. The PIN is 2345.
	offline := Person{Card: c.card(2, named(at(2002), "孙艳")), Customer: c.customer(2002, named(at(2002), "孙艳"), 1_990_00)}
	offline.Card.PIN, offline.Customer.Card = "2345", offline.Card.Number
	offline.Card.Receipts = c.receipts(city, 3, 8)
	for i := range offline.Card.Receipts {
		offline.Card.Receipts[i].Booked = true // her next ten yuan make her gold
	}

	// a-1004 and a-1005: the same phone, which neither has verified.
	shared := Profile{Phone: phone(1004)}
	couple := []Person{
		{Account: c.account(1004, named(shared, "Ma Jie"), city)},
		{Account: c.account(1005, named(shared, "马雨桐"), city)},
	}

	// a-1006: account and card have different phones, the card's was never verified; the ERP's record names both.
	moved := Person{
		Account: c.account(1006, named(at(1006), "郭勇"), city), Card: c.card(1006, Profile{Name: "郭勇", Phone: phone(2006)}),
		Customer: c.customer(1006, named(at(1006), "郭勇"), 3_150_00),
	}
	moved.Customer.Account, moved.Customer.Card = moved.Account.ID, moved.Card.Number

	// a-1007: as a-1006, but the card's phone is verified too: somebody else may hold it, so nothing joins by itself.
	doubtful := Person{
		Account: c.account(1007, named(at(1007), "胡杰"), city), Card: c.card(1007, named(at(2007), "胡杰")),
		Customer: c.customer(1007, Profile{Name: "胡杰"}, 420_00),
	}
	doubtful.Card.PIN = "1007"
	doubtful.Customer.Account, doubtful.Customer.Card = doubtful.Account.ID, doubtful.Card.Number

	// a-1008: one phone, three spellings of her name and two birthdays.
	spelled := Person{
		Account: c.account(1008, named(at(1008), "王芳"), city), Card: c.card(1008, named(at(1008), "WANG FANG")),
		Customer: c.customer(1008, named(at(1008), "王方"), 640_00),
	}
	spelled.Card.Birthday, spelled.Customer.Birthday = "1988-03-12", "1988-12-03"
	spelled.Customer.Card = spelled.Card.Number

	// a-1009: changed her number; the WeChat union id is what all three have in common.
	wechat := func(p Profile) Profile { p.UnionID = "o-wechat-1009"; return p }
	renumbered := Person{
		Account:  c.account(1009, wechat(named(at(1009), "朱子涵")), city),
		Card:     c.card(1009, wechat(Profile{Name: "朱子涵", Phone: phone(2009)})),
		Customer: c.customer(1009, wechat(Profile{Name: "朱子涵"}), 2_010_00),
	}
	renumbered.Customer.Card = renumbered.Card.Number

	// a-1010: platinum, the same everywhere.
	zhao := Profile{Name: "赵建国", Phone: phone(1010), PhoneVerified: true, Birthday: "1969-10-01"}
	best := Person{Account: c.account(1010, zhao, city), Card: c.card(1010, zhao), Customer: c.customer(1010, zhao, 12_480_00)}
	best.Card.PIN = "1010"
	best.Customer.Card, best.Customer.Account = best.Card.Number, best.Account.ID
	best.Card.Receipts, best.Account.Orders = c.receipts(city, 4, 0), c.pastOrders(2, 0)
	best.Customer.Coupons = c.allCoupons(1010)[:3]

	return []Person{
		first, onlyAccount, noCustomer, loose, offline, couple[0], couple[1], moved, doubtful, spelled, renumbered, best,
	}
}

// someone is a person of the crowd: most are in all three systems under the same verified phone.
func (c *crowd) someone(n int) Person {
	sur, given := surnames[c.rng.IntN(len(surnames))], givenNames[c.rng.IntN(len(givenNames))]
	p := Profile{Name: sur.Chinese + given.Chinese, Phone: phone(n), PhoneVerified: true}
	if c.rng.IntN(4) == 0 {
		p.Name = given.English + " " + sur.English
	}
	if c.rng.IntN(2) == 0 {
		p.Email = fmt.Sprintf("member%d@example.com", n)
	}
	if c.rng.IntN(3) == 0 {
		p.UnionID = fmt.Sprintf("o-union-%d", n)
	}
	p.Birthday = time.Date(1955+c.rng.IntN(50), time.Month(1+c.rng.IntN(12)), 1+c.rng.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	city := c.cities[c.rng.IntN(len(c.cities))]
	account, card, customer := true, true, true
	switch draw := c.rng.IntN(20); {
	case draw < 2:
		card, customer = false, false
	case draw < 4:
		account, customer = false, false
	case draw < 6:
		account = false
	case draw < 7:
		customer = false
	}
	var out Person
	if account {
		out.Account = c.account(n, p, city)
		out.Account.Orders = c.pastOrders(c.rng.IntN(4), 0)
	}
	if card {
		out.Card = c.card(n, p)
		out.Card.PIN = fmt.Sprintf("%04d", c.rng.IntN(10_000))
		out.Card.Receipts = c.receipts(city, c.rng.IntN(6), 0)
	}
	if customer {
		spend := []Cents{1_999_00, 7_900_00, 20_000_00}[c.rng.IntN(3)]
		out.Customer = c.customer(n, p, Cents(c.rng.Int64N(int64(spend))))
		out.Customer.Card = out.Card.Number
		if account && c.rng.IntN(2) == 0 {
			out.Customer.Account = out.Account.ID
		}
		if account {
			out.Customer.Points = append(out.Customer.Points, c.orderPoints(out.Account.Orders)...)
		}
		list := c.allCoupons(n)
		c.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		out.Customer.Coupons = list[:c.rng.IntN(4)]
	}
	return out
}

func (c *crowd) account(n int, p Profile, city string) *Account {
	home := c.stores[city][c.rng.IntN(len(c.stores[city]))]
	return &Account{ID: accountID(n), Profile: p, PreferredStore: home.Code, Addresses: []Address{{
		Recipient: p.Name, Phone: p.Phone, Country: "CN", Province: home.Province, City: home.City, District: home.District,
		Line: fmt.Sprintf("幸福路%d弄%d号%d室", 10+c.rng.IntN(900), 1+c.rng.IntN(40), 101+c.rng.IntN(1200)), Post: home.PostCode,
		Lat: home.Lat + (c.rng.Float64()-0.5)/50, Lon: home.Lon + (c.rng.Float64()-0.5)/50,
	}}}
}

func (c *crowd) card(n int, p Profile) *Card {
	return &Card{Number: cardNumber(n), Profile: p, IssuedAt: c.today.Add(-time.Duration(100+c.rng.IntN(1500)) * day)}
}

func (c *crowd) customer(n int, p Profile, spend Cents) *Customer {
	return &Customer{
		Number: customerNo(n), Profile: p, YearSpend: spend, Tier: tierOf(c.retailer.Tiers, spend),
		Points: []PastPoints{{
			Reference: fmt.Sprintf("erp-carried-%d", n), Source: "ERP", Points: int(spend / 200), At: c.today.Add(-200 * day),
			Expires: c.today.Add(165 * day), Name: Text{"结转积分", "Points carried over"},
		}},
	}
}

// receipts are visits to stores of a city in the last three months, one in six of them a return; the latest, a sale, is not known
// to the ERP yet. With a limit, only goods of so many first products are bought, so that a corner of the retailer keeps them.
func (c *crowd) receipts(city string, n, products int) []PastReceipt {
	var out []PastReceipt
	for i := range n {
		store := c.stores[city][c.rng.IntN(min(2, len(c.stores[city])))]
		t := PastReceipt{
			Location: store.Code, Return: c.rng.IntN(6) == 0 && i > 0, Booked: i > 0,
			At: c.today.Add(-time.Duration(1+i*15+c.rng.IntN(14)) * day).Add(time.Duration(3*3600+c.rng.IntN(8*3600)) * time.Second),
		}
		for range 1 + c.rng.IntN(3) {
			if v := c.article(c.shelves[store.Code], products, t.Lines); v != nil {
				quantity := 1 + c.rng.IntN(2)
				t.Lines = append(t.Lines, PastLine{v.SKU, quantity, v.Till * Cents(quantity)})
			}
		}
		if len(t.Lines) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// article picks one of a shelf that is not among the lines; nil when there is none.
func (c *crowd) article(shelf []*Variant, products int, lines []PastLine) *Variant {
	if products > 0 {
		var near []*Variant
		for _, p := range c.retailer.Products[:min(products, len(c.retailer.Products))] {
			for i := range p.Variants {
				if slices.ContainsFunc(shelf, func(v *Variant) bool { return v.SKU == p.Variants[i].SKU }) {
					near = append(near, &p.Variants[i])
				}
			}
		}
		shelf = near
	}
	if len(shelf) == 0 {
		return nil
	}
	v := shelf[c.rng.IntN(len(shelf))]
	if slices.ContainsFunc(lines, func(l PastLine) bool { return l.SKU == v.SKU }) {
		return nil
	}
	return v
}

// pastOrders are orders in the shop from the time before the gateway; see receipts.
func (c *crowd) pastOrders(n, products int) []PastOrder {
	var out []PastOrder
	web := c.shelves[c.stores[c.cities[0]][0].Code]
	for i := range n {
		c.orders++
		o := PastOrder{
			Number: fmt.Sprintf("W%06d", 100_000+c.orders), Status: "COMPLETED",
			PlacedAt: c.today.Add(-time.Duration(3+i*25+c.rng.IntN(20)) * day).Add(time.Duration(c.rng.IntN(16*3600)) * time.Second),
		}
		switch c.rng.IntN(8) {
		case 0:
			o.Status = "CANCELLED"
		case 1:
			o.Status = "REFUNDED"
		}
		for range 1 + c.rng.IntN(3) {
			if v := c.article(web, products, o.Lines); v != nil {
				quantity := 1 + c.rng.IntN(2)
				o.Lines = append(o.Lines, PastLine{v.SKU, quantity, v.Web * Cents(quantity)})
			}
		}
		if len(o.Lines) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// orderPoints are what completed orders gave.
func (c *crowd) orderPoints(orders []PastOrder) []PastPoints {
	var out []PastPoints
	for _, o := range orders {
		if points := int(sum(o.Lines) / 100); o.Status == "COMPLETED" && points > 0 {
			out = append(out, PastPoints{
				Reference: o.Number + ":EARN", Source: "SHOP", Points: points, At: o.PlacedAt.Add(2 * day),
				Expires: o.PlacedAt.Add(367 * day), Name: Text{"线上消费", "Purchase online"},
			})
		}
	}
	return out
}

// allCoupons is one coupon of each sort. The first three are good now, for all goods and in all channels.
func (c *crowd) allCoupons(n int) []Coupon {
	from, to := c.today.Add(-10*day), c.today.Add(30*day)
	list := []Coupon{
		{Kind: erp.CouponAmount, Amount: 20_00, MinSpend: 100_00, Stackable: true, From: from, To: to, Name: Text{"满100减20", "20 off 100"}},
		{Kind: erp.CouponPercent, Percent: 10, From: from, To: to, Name: Text{"全场九折", "10 % off"}},
		{Kind: erp.CouponDelivery, Stackable: true, From: from, To: to, Name: Text{"免运费", "Free delivery"}},
		{
			Kind: erp.CouponAmount, Amount: 15_00, MinSpend: 30_00, Category: c.retailer.Products[0].Categories[0], Stackable: true, From: from, To: to,
			Name: Text{"品类券15元", "15 off this shelf"},
		},
		{Kind: erp.CouponAmount, Amount: 5_00, Channels: []string{"MINI_PROGRAM", "APP"}, From: from, To: to, Name: Text{"小程序专享5元", "5 off in the app"}},
		{Kind: erp.CouponAmount, Amount: 50_00, MinSpend: 300_00, From: from.Add(-60 * day), To: from.Add(-30 * day), Name: Text{"满300减50", "50 off 300"}},
		{
			Kind: erp.CouponPercent, Percent: 15, From: from.Add(-30 * day), To: to, UsedFor: fmt.Sprintf("W-used-%d", n), UsedAt: from,
			Name: Text{"生日八五折", "Birthday 15 % off"},
		},
		{Kind: erp.CouponAmount, Amount: 30_00, MinSpend: 200_00, From: c.today.Add(5 * day), To: to, Name: Text{"双十二满200减30", "Double 12: 30 off 200"}},
	}
	for i := range list {
		list[i].Number = fmt.Sprintf("CP-%d-%02d", n, i+1)
	}
	return list
}
