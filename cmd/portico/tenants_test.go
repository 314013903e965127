package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

// tenant is somebody who asks, and what they may know of.
type tenant struct {
	name  string
	token string
	reach *retail.Reach
	exact bool // reads exact numbers
}

// inquiry is a request of a tenant and what a gateway answered it that nobody else has ever asked anything.
type inquiry struct {
	text      string
	variables map[string]any
	alone     any
}

// tenants are the demo's two partners and a guest, on one gateway.
type tenants struct {
	*rig
	all []*tenant

	products map[string]demo.Product // by id
	owner    map[string]string       // product ids by SKU
	shelves  map[string][]string     // SKUs by category, those below it included
	skus     []string
	places   []string
}

// newTenants are those of the retailer as it is on a day: prices and news are of a day.
func newTenants(t *testing.T, day time.Time) *tenants {
	t.Helper()
	w := &tenants{
		rig:      newRigOf(t, "embedded", demo.Builtin(1, day).Corner(20, 80).AlwaysOpen(), patiently),
		products: map[string]demo.Product{}, owner: map[string]string{}, shelves: map[string][]string{},
	}
	for _, p := range w.retailer.Products {
		w.products[p.ID] = p
		for _, v := range p.Variants {
			w.skus, w.owner[v.SKU] = append(w.skus, v.SKU), p.ID
			for _, c := range p.Categories {
				w.shelves[c] = append(w.shelves[c], v.SKU)
			}
		}
	}
	for _, l := range w.retailer.Locations {
		w.places = append(w.places, l.Code)
	}
	for _, p := range demoPartners(w.retailer) {
		w.all = append(w.all, &tenant{
			name: p.ID, reach: p.Reach, exact: slices.Contains(p.Scopes, auth.ScopeStockRead),
			token: w.token(t, auth.Principal{Role: auth.RolePartner, Subject: p.ID, Client: p.ID}),
		})
	}
	w.all = append(w.all, &tenant{name: "a guest", token: w.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-tenant"})})
	return w
}

// answered is what was answered, without what moves by itself.
func answered(a answer) any {
	var data any
	if len(a.Data) > 0 {
		_ = json.Unmarshal(a.Data, &data)
	}
	var errs []string
	for _, e := range a.Errors {
		errs = append(errs, fmt.Sprint(e.Path, e.Extensions["code"], e.Message))
	}
	slices.Sort(errs)
	return map[string]any{"status": a.Status, "data": data, "errors": errs}
}

// foreign lists what an answer tells a tenant of places, SKUs and channels beyond the reach. It looks at every object: global ids
// are opened, SKUs must be within reach or be called nothing, prices be of the tenant's channels.
func (w *tenants) foreign(who *tenant, value any) (list []string) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			list = append(list, w.foreign(who, v)...)
		}
	case map[string]any:
		for name, v := range value {
			text, _ := v.(string)
			switch {
			case name == "id" && !w.owns(who, text):
				list = append(list, "id "+text)
			case name == "sku" && !who.reach.SKU(retail.NormalizeSKU(text)) && !absentPair(value):
				list = append(list, "SKU "+text)
			case name == "channel" && !who.reach.Channel(retail.Channel(text)):
				list = append(list, "channel "+text)
			case name == "breakdown" && v != nil && !who.exact:
				list = append(list, "a breakdown")
			}
			list = append(list, w.foreign(who, v)...)
		}
	}
	return list
}

// owns reports whether what a global id names is within the tenant's reach, by what the retailer has.
func (w *tenants) owns(who *tenant, id string) bool {
	kind, key, ok := retail.ParseGlobalID(id)
	reaches := func(skus []string) bool { return slices.ContainsFunc(skus, who.reach.SKU) }
	switch {
	case !ok:
		return false
	case kind == retail.KindLocation:
		return slices.Contains(w.places, key) && who.reach.Location(key)
	case kind == retail.KindVariant:
		return w.owner[key] != "" && who.reach.SKU(key)
	case kind == retail.KindCategory:
		return who.reach == nil || reaches(w.shelves[key])
	case kind == retail.KindProduct:
		return slices.ContainsFunc(w.products[key].Variants, func(v demo.Variant) bool { return who.reach.SKU(v.SKU) })
	}
	return false
}

// absentPair reports whether an object says of its SKU what is said of one that does not exist.
func absentPair(o map[string]any) bool {
	level, _ := o["level"].(string)
	return level == "OUT_OF_STOCK" && o["breakdown"] == nil
}

const (
	listing = `fragment Listing on ProductConnection { totalCount { value } pageInfo { hasNextPage hasPreviousPage }
		facets { kind values { value count } } nodes { ...Shown } }
	fragment Shown on Product { id code categories { id } priceRange { min { amount } } variants { id sku title } }`
	shelf = `query($search: String, $filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String) {
		products(search: $search, filter: $filter, sort: $sort, first: $first, after: $after) { ...Listing } } ` + listing
	priced = `query($search: String) { products(search: $search, first: 5) { nodes { id variants { id sku
		price { channel current { amount } sources { source } } storeAvailability(first: 3) { sku level quantity { value } location { id } } } } } }`
	single = `query($sku: String, $id: ID) { bySku: product(sku: $sku) { ...Shown } byId: product(id: $id) { ...Shown } scanned: product(scan: $sku) { ...Shown } } ` +
		`fragment Shown on Product { id code variants { id sku storeAvailability(first: 4) { sku level location { id code } } } }`
	things = `query($ids: [ID!]!, $id: ID!) { nodes(ids: $ids) { ...Thing } node(id: $id) { ...Thing } }
		fragment Thing on Node { __typename id ... on Location { code name } ... on Product { code variants { id sku } }
			... on ProductVariant { sku product { id code } } ... on Category { code parentId } }`
	places = `query($near: GeoPointInput, $km: Float, $kinds: [LocationKind!], $first: Int, $after: String) {
		locations(near: $near, withinKm: $km, kinds: $kinds, first: $first, after: $after) {
			totalCount { value } pageInfo { hasNextPage hasPreviousPage } edges { distanceKm node { id code } } } }`
	check = `query($skus: [String!]!, $at: [ID!], $near: GeoPointInput, $first: Int) { stockCheck(skus: $skus, locationIds: $at, near: $near, withinKm: 400, first: $first) {
		locations { id } items { sku level available quantity { value precision } breakdown { availableToPromise } location { id code } } } }`
	pickup = `query($items: [BasketItemInput!]!, $at: [ID!], $near: GeoPointInput) { pickupOptions(items: $items, locationIds: $at, near: $near, withinKm: 400) {
		coverage location { id } lines { sku level fulfillable shortfall requested } } }`
	delivery = `query($items: [BasketItemInput!]!, $at: [ID!], $near: GeoPointInput) { deliveryOptions(items: $items, locationIds: $at, near: $near) {
		method available fee { amount } location { id } places { location { id } } refusals { code } } }`
	several = `query($mine: String!, $other: String!, $at: [ID!], $far: [ID!]) { a: stockCheck(skus: [$mine], locationIds: $at) { ...Checked }
		b: stockCheck(skus: [$other], locationIds: $at) { ...Checked } c: product(sku: $other) { id } d: product(sku: $mine) { id }
		e: locations(first: 2) { nodes { id } } f: pickupSlots(locationId: "S-SH01") { capacity } categories { id code parentId }
		far: product(sku: $mine) { id variants { sku storeAvailability(locationIds: $far) { sku level location { id } } } } }
		fragment Checked on StockCheck { items { sku level location { id } } }`
	channels = `query($c: Channel) @inContext(channel: $c) { products(first: 3) { nodes { id variants { sku price { channel current { amount } } } } } }`
)

// questions are what tenants ask: of their own and, as often, of what is not theirs.
func (w *tenants) questions(rng *rand.Rand, n int, cursors []string) []*inquiry {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	some := func(list []string, most int) []string {
		out := make([]string, 1+rng.IntN(most))
		for i := range out {
			out[i] = pick(list)
		}
		return out
	}
	maybe := func(v any) any {
		if rng.IntN(2) == 0 {
			return nil
		}
		return v
	}
	near := func() any {
		l := w.retailer.Locations[rng.IntN(len(w.retailer.Locations))]
		return map[string]any{"latitude": l.Lat, "longitude": l.Lon}
	}
	odd := append(slices.Clone(w.skus), "NONE-1", "10000000")
	basket := func() []map[string]any {
		items := make([]map[string]any, 1+rng.IntN(3))
		for i := range items {
			items[i] = map[string]any{"sku": pick(odd), "quantity": 1 + rng.IntN(3)}
		}
		return items
	}
	var products, categories []string
	for id := range w.products {
		products = append(products, id)
	}
	for id := range w.shelves {
		categories = append(categories, id)
	}
	slices.Sort(products)
	slices.Sort(categories)
	anything := func() string {
		switch rng.IntN(4) {
		case 0:
			return retail.GlobalID(retail.KindLocation, pick(append(w.places, "S-NO01")))
		case 1:
			return retail.GlobalID(retail.KindProduct, pick(products))
		case 2:
			return retail.GlobalID(retail.KindCategory, pick(categories))
		}
		return retail.GlobalID(retail.KindVariant, pick(odd))
	}
	words := []string{"a", "classic", "跑鞋", "精华", "Lite", "10000017", "10000045", "Qingyan", "Galewind", "Black", "50 ml", "经典"}
	var list []*inquiry
	for range n {
		q := &inquiry{}
		switch rng.IntN(10) {
		case 0:
			filter := map[string]any{}
			if rng.IntN(2) == 0 {
				filter["categoryIds"] = []string{retail.GlobalID(retail.KindCategory, pick(categories))}
			}
			if rng.IntN(3) == 0 {
				filter["inStockAt"] = some(w.places, 2)
			}
			if rng.IntN(4) == 0 {
				filter["maxPrice"] = "200"
			}
			q.text, q.variables = shelf, map[string]any{
				"search": maybe(pick(words)), "filter": filter, "first": 1 + rng.IntN(20), "after": maybe(pick(cursors)),
				"sort": pick([]string{"RELEVANCE", "PRICE_ASC", "PRICE_DESC", "TITLE", "NEWEST"}),
			}
		case 1:
			q.text, q.variables = priced, map[string]any{"search": maybe(pick(words))}
		case 2:
			q.text, q.variables = single, map[string]any{"sku": pick(odd), "id": retail.GlobalID(retail.KindProduct, pick(products))}
		case 3:
			ids := make([]string, 6)
			for i := range ids {
				ids[i] = anything()
			}
			q.text, q.variables = things, map[string]any{"ids": ids, "id": anything()}
		case 4:
			q.text, q.variables = places, map[string]any{"first": 1 + rng.IntN(10), "after": maybe(pick(cursors))}
			if rng.IntN(2) == 0 {
				q.variables["near"], q.variables["km"] = near(), maybe(50)
			}
			if rng.IntN(3) == 0 {
				q.variables["kinds"] = []string{"STORE"}
			}
		case 5, 6:
			q.text, q.variables = check, map[string]any{"skus": some(odd, 5), "first": 1 + rng.IntN(10)}
			if rng.IntN(2) == 0 {
				q.variables["at"] = some(w.places, 2)
			} else {
				q.variables["near"] = maybe(near())
			}
		case 7:
			q.text, q.variables = pickup, map[string]any{"items": basket(), "near": near(), "at": maybe(some(w.places, 2))}
		case 8:
			q.text, q.variables = delivery, map[string]any{"items": basket(), "near": near(), "at": maybe(some(w.places, 2))}
		default:
			q.text, q.variables = several, map[string]any{
				"mine": pick(odd), "other": pick(odd), "at": some(w.places, 1), "far": some(w.places, 1),
			}
		}
		list = append(list, q)
	}
	for _, c := range []string{"PARTNER", "WEB", "APP", "POS"} {
		list = append(list, &inquiry{text: channels, variables: map[string]any{"c": c}})
	}
	return list
}

// Two partners and a guest ask one gateway everything at the same time, through the same caches, batches and calls. Each is
// answered as if alone, and with nothing that is not theirs.
func TestTenantsAreAnsweredAsIfAlone(t *testing.T) {
	day := time.Now()
	w := newTenants(t, day)
	rng := rand.New(rand.NewPCG(7, 11))
	var cursors []string
	for range 5 { // of pages that the guest reads, who sees everything
		var page struct {
			Products, Locations struct{ PageInfo struct{ EndCursor string } }
		}
		a := w.ask(t, w.all[2].token, fmt.Sprintf(`{ products(first: %d) { pageInfo { endCursor } } locations(first: %[1]d) { pageInfo { endCursor } } }`,
			1+rng.IntN(15)), nil)
		must(t, json.Unmarshal(a.Data, &page))
		cursors = append(cursors, page.Products.PageInfo.EndCursor, page.Locations.PageInfo.EndCursor)
	}
	asked := map[*tenant][]*inquiry{}
	told := map[string]int{}
	for i, who := range w.all {
		asked[who] = w.questions(rand.New(rand.NewPCG(3, 5)), 150, cursors)
		t.Run(who.name, func(t *testing.T) { // with a gateway that nobody else ever asked
			own := newTenants(t, day)
			for _, q := range asked[who] {
				a := own.ask(t, own.all[i].token, q.text, q.variables)
				q.alone = answered(a)
				if list := own.foreign(own.all[i], q.alone); len(list) > 0 {
					t.Fatalf("alone: %s %v tells of %v", q.text, q.variables, list)
				}
				if len(a.Errors) == 0 {
					told[who.name]++
				}
			}
		})
	}
	if t.Failed() {
		return
	}
	for _, who := range w.all {
		if told[who.name] < 50 {
			t.Fatalf("only %d answers to %s have no error: nothing is proven", told[who.name], who.name)
		}
	}
	differ := 0
	for i, q := range asked[w.all[0]] {
		if !gocmp.Equal(q.alone, asked[w.all[1]][i].alone) && !gocmp.Equal(q.alone, asked[w.all[2]][i].alone) {
			differ++
		}
	}
	if differ < 75 {
		t.Fatalf("only %d questions have another answer for everybody: nothing is proven", differ)
	}
	requests := 10_000
	if raceEnabled || testing.Short() {
		requests = 1500
	}
	type turn struct {
		who *tenant
		q   *inquiry
	}
	turns := make(chan turn)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for at := range turns {
				got := answered(w.ask(t, at.who.token, at.q.text, at.q.variables))
				if list := w.foreign(at.who, got); len(list) > 0 {
					t.Errorf("%s: %.60s %v tells of %v", at.who.name, at.q.text, at.q.variables, list)
				}
				if diff := gocmp.Diff(at.q.alone, got); diff != "" {
					t.Errorf("%s: %.60s %v alone (-) and among others (+):\n%s", at.who.name, at.q.text, at.q.variables, diff)
				}
			}
		})
	}
	for range requests {
		if t.Failed() {
			break
		}
		who := w.all[rng.IntN(len(w.all))]
		turns <- turn{who, asked[who][rng.IntN(len(asked[who]))]}
	}
	close(turns)
	workers.Wait()
}

// What is not a partner's and what does not exist have the same answers, but for their names.
func TestATenantCannotTellWhatIsNotTheirsFromNothing(t *testing.T) {
	w := newTenants(t, time.Now())
	maptown := w.all[0]
	var beyond string
	for _, sku := range w.skus {
		if !maptown.reach.SKU(sku) {
			beyond = sku
		}
	}
	const noSKU, noPlace, place = "19999999", "S-ZZ99", "S-BJ01"
	swap := strings.NewReplacer(
		noSKU, beyond, noPlace, place,
		retail.GlobalID(retail.KindVariant, noSKU), retail.GlobalID(retail.KindVariant, beyond),
		retail.GlobalID(retail.KindLocation, noPlace), retail.GlobalID(retail.KindLocation, place),
		retail.GlobalID(retail.KindProduct, "p-none"), retail.GlobalID(retail.KindProduct, w.owner[beyond]),
		retail.GlobalID(retail.KindCategory, "c-none"), retail.GlobalID(retail.KindCategory, "c-1"),
	)
	own := maptown.reach.SKUs[0].First
	for _, text := range []string{
		`{ product(sku: "19999999") { id } }`,
		`{ product(scan: "19999999") { id } }`,
		fmt.Sprintf(`{ product(id: %q) { id } node(id: %[1]q) { id } }`, retail.GlobalID(retail.KindVariant, noSKU)),
		fmt.Sprintf(`{ product(id: %q) { id } nodes(ids: [%[1]q]) { id } }`, retail.GlobalID(retail.KindProduct, "p-none")),
		fmt.Sprintf(`{ node(id: %q) { id } }`, retail.GlobalID(retail.KindLocation, noPlace)),
		fmt.Sprintf(`{ node(id: %q) { id } products(filter: {categoryIds: [%[1]q]}) { totalCount { value } } }`, retail.GlobalID(retail.KindCategory, "c-none")),
		`{ products(search: "19999999") { totalCount { value } facets { values { value } } } }`,
		`{ products(filter: {inStockAt: ["S-ZZ99"]}) { totalCount { value } } }`,
		`{ stockCheck(skus: ["19999999"], locationIds: ["S-SH01"]) { items { sku level available quantity { value precision } reasons } } }`,
		`{ stockCheck(skus: ["19999999"], locationIds: ["S-SH01"], maxAgeSeconds: 0) { items { sku level available reasons freshness { basis } } } }`,
		`{ stockCheck(skus: ["19999999"], locationIds: ["S-ZZ99"]) { items { sku } } }`,
		`query @inContext(locationId: "S-ZZ99") { stockCheck(skus: ["19999999"]) { items { sku } } }`,
		`{ pickupOptions(items: [{sku: "19999999"}], locationIds: ["S-SH01"]) { coverage lines { sku level fulfillable shortfall reasons } } }`,
		`{ pickupOptions(items: [{sku: "` + own + `"}], locationIds: ["S-ZZ99"]) { coverage } }`,
		`{ deliveryOptions(items: [{sku: "19999999"}], locationIds: ["S-SH01"]) { method available why refusals { code message } } }`,
		`{ deliveryOptions(items: [{sku: "` + own + `"}], locationIds: ["S-ZZ99"]) { method } }`,
		`{ deliveryOptions(items: [{sku: "` + own + `"}], near: {latitude: 39.93, longitude: 116.45}) { method available fee { amount } refusals { message } } }`,
		`{ pickupSlots(locationId: "S-ZZ99") { capacity } }`,
		`mutation { stockHoldCreate(input: {locationId: "S-ZZ99", items: [{sku: "` + own + `"}]}, idempotencyKey: "1") { hold { id } userErrors { __typename code message field } } }`,
		`mutation { stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "19999999"}]}, idempotencyKey: "2") { hold { id } userErrors { __typename code message field } } }`,
		`mutation { stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "19999999"}], allowPartial: true}, idempotencyKey: "3") { hold { id } userErrors { __typename code message field } } }`,
	} {
		keyed := func(text, suffix string) string { // the same key would be a repetition
			return strings.NewReplacer(`Key: "1"`, `Key: "1`+suffix+`"`, `Key: "2"`, `Key: "2`+suffix+`"`, `Key: "3"`, `Key: "3`+suffix+`"`).Replace(text)
		}
		nothing := answered(w.ask(t, maptown.token, keyed(text, "n"), nil))
		beyondReach := answered(w.ask(t, maptown.token, keyed(swap.Replace(text), "b"), nil))
		words, err := json.Marshal(nothing)
		must(t, err)
		var want any
		must(t, json.Unmarshal([]byte(swap.Replace(string(words))), &want))
		again, err := json.Marshal(beyondReach)
		must(t, err)
		var got any
		must(t, json.Unmarshal(again, &got))
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s\nof nothing (-) and beyond reach (+):\n%s", text, diff)
		}
	}
}
