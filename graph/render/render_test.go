package render_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/render"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// root answers the two stock questions with fixed values; every other field panics.
type root struct {
	generated.ResolverRoot
	query query
}

func (r *root) Query() generated.QueryResolver       { return &r.query }
func (r *root) Location() generated.LocationResolver { return openAlways{} }

type openAlways struct{}

func (openAlways) OpenNow(context.Context, *retail.Location) (bool, error) { return true, nil }

type query struct {
	generated.QueryResolver
	check   *stock.Check
	options []*stock.PickupOption
}

func (q *query) StockCheck(
	context.Context, []string, []string, *retail.GeoPoint, *float64, *int, *int,
) (*stock.Check, error) {
	return q.check, nil
}

func (q *query) PickupOptions(
	context.Context, []*stock.BasketItem, *retail.GeoPoint, *float64, []string, *bool, *int, *int,
) ([]*stock.PickupOption, error) {
	return q.options, nil
}

// extension makes gqlgen's own executor use a renderer.
type extension struct{ *render.Renderer }

func (extension) ExtensionName() string                   { return "Renderer" }
func (extension) Validate(graphql.ExecutableSchema) error { return nil }

// run executes a document with or without the renderer and returns data and errors as text.
func run(t *testing.T, q query, withRenderer bool, scopes []auth.Scope, document string, variables map[string]any) string {
	t.Helper()
	es := generated.NewExecutableSchema(generated.Config{
		Resolvers: &root{query: q}, Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver]},
	})
	e := executor.New(es)
	e.SetQueryCache(graphql.MapCache[*ast.QueryDocument]{})
	if withRenderer {
		e.Use(extension{render.New(es.Schema(), (*stock.Check)(nil), []*stock.PickupOption(nil))})
	}
	ctx := auth.WithPrincipal(context.Background(), auth.Principal{Scopes: scopes})
	ctx = graphql.StartOperationTrace(ctx)
	var text string
	for range 2 { // the second run finds a compiled plan
		op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: document, Variables: variables})
		if errs != nil {
			t.Fatalf("%s: %v", document, errs)
		}
		responses, ctx := e.DispatchOperation(ctx, op)
		response := responses(ctx)
		text = string(response.Data) + fmt.Sprint(response.Errors)
	}
	return text
}

func TestRendererAndGeneratedExecutorWriteTheSameBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	for i := range 300 {
		q := query{check: randomCheck(random), options: randomOptions(random)}
		document, variables := randomDocument(random)
		var scopes []auth.Scope
		if random.IntN(2) == 0 {
			scopes = append(scopes, auth.ScopeStockRead)
		}
		want := run(t, q, false, scopes, document, variables)
		got := run(t, q, true, scopes, document, variables)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("document %d\n%s\n%v\n(-generated +rendered)\n%s", i, document, variables, diff)
		}
	}
}

func TestPlansDoNotForgetFieldsThatVariablesAdd(t *testing.T) {
	q := query{check: randomCheck(rand.New(rand.NewPCG(1, 2)))}
	es := generated.NewExecutableSchema(generated.Config{Resolvers: &root{query: q}})
	plain, rendering := executor.New(es), executor.New(es)
	rendering.SetQueryCache(graphql.MapCache[*ast.QueryDocument]{})
	rendering.Use(extension{render.New(es.Schema(), (*stock.Check)(nil))})
	const document = `query($more: Boolean!) { stockCheck(skus: ["A"]) {items {sku}} ...F @include(if: $more) }
		fragment F on Query { stockCheck(skus: ["A"]) {items {level}} }`
	for _, more := range []bool{false, true, false} {
		var data [2]string
		for i, e := range []*executor.Executor{plain, rendering} {
			ctx := graphql.StartOperationTrace(context.Background())
			op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: document, Variables: map[string]any{"more": more}})
			if errs != nil {
				t.Fatal(errs)
			}
			responses, ctx := e.DispatchOperation(ctx, op)
			data[i] = string(responses(ctx).Data)
		}
		if diff := cmp.Diff(data[0], data[1]); diff != "" {
			t.Errorf("more %v (-generated +rendered)\n%s", more, diff)
		}
	}
}

// selections lists what a random document may select, by type. Types in brackets lead to further selections.
var selections = map[string][]string{
	"StockCheck": {"items[StoreAvailability]", "locations[Location]", "freshness[Freshness]", "__typename"},
	"StoreAvailability": {
		"location[Location]", "sku", "level", "available", "quantity[Quantity]", "distanceKm", "readyBy", "reasons",
		"freshness[Freshness]", "breakdown[StockBreakdown]", "__typename",
	},
	"Quantity":       {"value", "precision", "__typename"},
	"Freshness":      {"asOf", "ageSeconds", "source", "basis"},
	"StockBreakdown": {"onHand", "unsyncedSales", "allocated", "held", "safetyStock", "availableToPromise"},
	"Location": {
		"id", "code", "name", "kind", "address[Address]", "position[GeoPoint]", "timeZone", "hours[OpeningHours]",
		"holidays[HolidayHours]", "services", "pickup[PickupSettings]", "openNow", "__typename",
	},
	"Address":          {"countryCode", "province", "city", "district", "line", "postalCode"},
	"GeoPoint":         {"latitude", "longitude"},
	"OpeningHours":     {"weekday", "opens", "closes"},
	"HolidayHours":     {"date", "name", "opens", "closes"},
	"PickupSettings":   {"pickingMinutes", "cutoff", "capacity"},
	"PickupOption":     {"location[Location]", "coverage", "lines[PickupOptionLine]", "distanceKm", "readyBy", "reasons", "freshness[Freshness]"},
	"PickupOptionLine": {"sku", "requested", "fulfillable", "shortfall", "level", "reasons"},
}

func randomDocument(r *rand.Rand) (string, map[string]any) {
	fields := randomSelection(r, "StockCheck", 0) + " "
	document := "query($yes: Boolean!, $no: Boolean!) {\n  a: stockCheck(skus: [\"A\"]) " + fields +
		"\n  pickupOptions(items: [{sku: \"A\", quantity: 1}]) " + randomSelection(r, "PickupOption", 0) +
		"\n  again: stockCheck(skus: [\"B\"]) " + fields + "\n __typename @include(if: $yes) @skip(if: $no) }"
	return document, map[string]any{"yes": r.IntN(2) == 0, "no": r.IntN(2) == 0}
}

func randomSelection(r *rand.Rand, typeName string, depth int) string {
	var b strings.Builder
	b.WriteString("{")
	for n := 1 + r.IntN(6); n > 0; n-- {
		field := selections[typeName][r.IntN(len(selections[typeName]))]
		if field == "openNow" && r.IntN(4) > 0 {
			field = "code"
		}
		name, inner, composite := strings.Cut(strings.TrimSuffix(field, "]"), "[")
		if composite && depth > 3 {
			continue
		}
		selected := name
		if r.IntN(5) == 0 {
			selected = fmt.Sprintf("x%d: %s", r.IntN(100000), name)
		}
		if r.IntN(6) == 0 {
			selected += []string{" @include(if: $yes)", " @skip(if: $no)", " @skip(if: false)"}[r.IntN(3)]
		}
		if composite {
			selected += " " + randomSelection(r, inner, depth+1)
		}
		if r.IntN(6) == 0 {
			selected = "... on " + typeName + " { " + selected + " }"
		}
		b.WriteString(" " + selected)
	}
	b.WriteString(" __typename }")
	return b.String()
}

func randomCheck(r *rand.Rand) *stock.Check {
	c := &stock.Check{Items: make([]stock.Availability, r.IntN(5)), Freshness: randomFreshness(r)}
	for range r.IntN(3) {
		c.Locations = append(c.Locations, randomLocation(r))
	}
	for i := range c.Items {
		c.Items[i] = randomAvailability(r, c.Locations)
	}
	return c
}

func randomAvailability(r *rand.Rand, shared []*retail.Location) stock.Availability {
	a := stock.Availability{
		Location: randomLocation(r), SKU: randomText(r), Level: stock.LowStock, Freshness: randomFreshness(r),
		Reasons: []stock.Reason{stock.SourceStale, stock.NotRanged}[:r.IntN(3)],
	}
	if len(shared) > 0 && r.IntN(2) == 0 {
		a.Location = shared[r.IntN(len(shared))]
	}
	if r.IntN(2) == 0 {
		yes, km, at := r.IntN(2) == 0, r.ExpFloat64()*100, time.UnixMilli(r.Int64N(1<<41))
		a.Available, a.DistanceKm, a.ReadyBy = &yes, &km, &at
		a.Quantity = &stock.Quantity{Value: r.IntN(math.MaxInt32), Precision: retail.AtLeast}
		a.Breakdown = &stock.Breakdown{OnHand: -r.IntN(100), UnsyncedSales: r.IntN(9), AvailableToPromise: 3}
	}
	return a
}

func randomOptions(r *rand.Rand) []*stock.PickupOption {
	out := make([]*stock.PickupOption, r.IntN(4))
	for i := range out {
		out[i] = &stock.PickupOption{
			Location: randomLocation(r), Coverage: stock.CoveragePartial, Freshness: randomFreshness(r),
			Reasons: []stock.Reason{stock.CapacityFull}[:r.IntN(2)],
		}
		for range r.IntN(3) {
			n := r.IntN(20)
			out[i].Lines = append(out[i].Lines, stock.PickupLine{SKU: randomText(r), Requested: n, Fulfillable: &n, Level: stock.Unknown})
		}
	}
	return out
}

func randomFreshness(r *rand.Rand) retail.Freshness {
	if r.IntN(3) == 0 {
		return retail.Freshness{Source: retail.SourcePOS, Basis: retail.BasisStale}
	}
	now := time.UnixMilli(r.Int64N(1 << 41))
	return retail.FreshnessAt(now.Add(-time.Duration(r.IntN(90))*time.Second), now, retail.SourceERP, retail.BasisLive)
}

func randomLocation(r *rand.Rand) *retail.Location {
	capacity, cutoff := 4, retail.LocalTime("20:00")
	l := &retail.Location{
		Code: randomText(r), Names: retail.Text{Chinese: randomText(r)}, Kind: retail.Store, Zone: time.UTC,
		Address:  retail.Address{CountryCode: "CN", City: randomText(r)},
		Position: retail.GeoPoint{Latitude: r.Float64()*180 - 90, Longitude: float64(r.IntN(3)) * 1e-7},
		Hours:    []retail.OpeningHours{{Weekday: 1, Opens: "09:00", Closes: "24:00"}}[:r.IntN(2)],
		Holidays: []retail.HolidayHours{{Date: "2026-12-25", Title: randomText(r)}, {Date: "2027-01-01", Opens: &cutoff}}[:r.IntN(3)],
		Services: []retail.PickupService{retail.ServicePickup, retail.ServiceCurbside}[:r.IntN(3)],
	}
	if r.IntN(2) == 0 {
		l.Pickup = &retail.PickupSettings{PickingMinutes: 30, Cutoff: &cutoff, Capacity: &capacity}
	}
	return l
}

func randomText(r *rand.Rand) string {
	return []string{"", "A", `quo"te\`, "tab\tline\nreturn\r", "\x01\x1f", "苏州河店", "é\u2028<&>", "bad\xffutf"}[r.IntN(8)]
}

// probe counts the resolver results that leave the renderer as finished JSON.
type probe struct{ finished, values int }

func (*probe) ExtensionName() string                   { return "probe" }
func (*probe) Validate(graphql.ExecutableSchema) error { return nil }
func (p *probe) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	res, err := next(ctx)
	if fc := graphql.GetFieldContext(ctx); fc.IsResolver && fc.Object == "Query" {
		if _, ok := res.(graphql.Marshaler); ok {
			p.finished++
		} else {
			p.values++
		}
	}
	return res, err
}

func TestWhatIsRenderedAndWhatIsLeft(t *testing.T) {
	for document, rendered := range map[string]bool{
		`{stockCheck(skus: ["A"]) {items {sku location {id name hours {opens}} breakdown {held}} freshness {asOf}}}`: true,
		`{stockCheck(skus: ["A"]) {items {location {openNow}}}}`:                                                     false,
		`{stockCheck(skus: ["A"]) {... on StockCheck {items {...f}}}} fragment f on StoreAvailability {level}`:       true,
	} {
		p := &probe{}
		es := generated.NewExecutableSchema(generated.Config{
			Resolvers:  &root{query: query{check: randomCheck(rand.New(rand.NewPCG(1, 2)))}},
			Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver]},
		})
		e := executor.New(es)
		e.Use(p)
		e.Use(extension{render.New(es.Schema(), (*stock.Check)(nil))})
		ctx := graphql.StartOperationTrace(context.Background())
		op, errs := e.CreateOperationContext(ctx, &graphql.RawParams{Query: document})
		if errs != nil {
			t.Fatal(errs)
		}
		responses, ctx := e.DispatchOperation(ctx, op)
		responses(ctx)
		if want := (probe{finished: 1}); rendered && *p != want {
			t.Errorf("%s: got %+v, want it rendered", document, *p)
		}
		if want := (probe{values: 1}); !rendered && *p != want {
			t.Errorf("%s: got %+v, want it left to the generated executor", document, *p)
		}
	}
}
