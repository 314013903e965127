package cart_test

import (
	"strings"
	"testing"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

func TestAddingLines(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	c, _ := sh.add(pickup("a", 2, "S-1"), ship("B", 1), cart.LineInput{SKU: "C", Quantity: 1, LocationRef: retail.GlobalID(retail.KindLocation, "S-2")})
	if got, want := lines(c), "[A:2:PICKUP@S-1 B:1:SHIPPING C:1:PICKUP@S-2]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got, want := c.Totals.Total, yuan(2000+2000+5000+1000); got != want {
		t.Errorf("total %v, want %v with the fee for shipping", got, want)
	}
	if c.Titles["A"].English != "Article A" {
		t.Errorf("titles %v", c.Titles)
	}
	c, warnings := sh.add(pickup("A", 3, "S-1"), pickup("A", 1, "S-2"))
	if got, want := lines(c), "[A:5:PICKUP@S-1 B:1:SHIPPING C:1:PICKUP@S-2 A:1:PICKUP@S-2]"; got != want {
		t.Errorf("the same SKU, method and place join: got %s, want %s", got, want)
	}
	if got := codes(warnings); got != "[LINE_MERGED]" {
		t.Errorf("warnings %s", got)
	}
	c, warnings = sh.add(pickup("A", 999, "S-1"))
	if c.Lines[0].Quantity != retail.MaxLineQuantity || codes(warnings) != "[LINE_MERGED QUANTITY_REDUCED STOCK_SHORT]" {
		t.Errorf("got %d, %s", c.Lines[0].Quantity, codes(warnings))
	}
	ids := map[string]bool{}
	for _, l := range c.Lines {
		ids[l.ID] = true
	}
	if len(ids) != len(c.Lines) || ids[""] {
		t.Errorf("line ids %v", ids)
	}
	if w.saves != 3 {
		t.Errorf("%d saves", w.saves)
	}
}

func TestLinesThatCannotBeAdded(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	for name, tt := range map[string]struct {
		in    []cart.LineInput
		why   retail.Why
		field string
	}{
		"none":                       {nil, retail.WhyInvalid, "lines"},
		"too many":                   {make([]cart.LineInput, 51), retail.WhyInvalid, "lines"},
		"a quantity of nothing":      {[]cart.LineInput{ship("A", 1), ship("B", 0)}, retail.WhyInvalid, "lines.1.quantity"},
		"a quantity below nothing":   {[]cart.LineInput{ship("A", -1)}, retail.WhyInvalid, "lines.0.quantity"},
		"a quantity of a thousand":   {[]cart.LineInput{ship("A", 1000)}, retail.WhyInvalid, "lines.0.quantity"},
		"a quantity of a billion":    {[]cart.LineInput{ship("A", 1_000_000_000)}, retail.WhyInvalid, "lines.0.quantity"},
		"an unknown SKU":             {[]cart.LineInput{ship("X", 1)}, retail.WhyNotFound, "lines.0.sku"},
		"something that is no SKU":   {[]cart.LineInput{ship("a b", 1)}, retail.WhyInvalid, "lines.0.sku"},
		"a huge SKU":                 {[]cart.LineInput{ship(strings.Repeat("A", 1<<16), 1)}, retail.WhyInvalid, "lines.0.sku"},
		"an unknown store":           {[]cart.LineInput{pickup("A", 1, "S-9")}, retail.WhyNotFound, "lines.0.locationId"},
		"a store that hands out not": {[]cart.LineInput{pickup("A", 1, "S-3")}, retail.WhyPlaceClosed, "lines.0.locationId"},
		"a warehouse":                {[]cart.LineInput{pickup("A", 1, "W-1")}, retail.WhyPlaceClosed, "lines.0.locationId"},
		"no store":                   {[]cart.LineInput{pickup("A", 1, "")}, retail.WhyInvalid, "lines.0.locationId"},
		"a store for shipping":       {[]cart.LineInput{{SKU: "A", Quantity: 1, Method: retail.MethodShipping, LocationRef: "S-1"}}, retail.WhyInvalid, "lines.0.locationId"},
		"an unknown method":          {[]cart.LineInput{{SKU: "A", Quantity: 1, Method: "TELEPORT"}}, retail.WhyInvalid, "lines.0.method"},
		"kerbside where there is none": {
			[]cart.LineInput{{SKU: "A", Quantity: 1, Method: retail.MethodCurbside, LocationRef: "S-2"}}, retail.WhyPlaceClosed, "lines.0.locationId",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.AddLines(t.Context(), member, "k-"+name, sh.id, nil, tt.in)
			refused(t, err, tt.why, tt.field)
			if c := sh.get(); len(c.Lines) != 0 || c.Version != 1 {
				t.Errorf("a refusal changed the cart: %s at version %d", lines(c), c.Version)
			}
		})
	}
}

func TestEveryLineIsToldWhatIsWrongWithIt(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	_, _, err := s.AddLines(t.Context(), member, "k", sh.id, nil, []cart.LineInput{ship("X", 0), ship("A", 1), pickup("Y", 1, "S-3")})
	list, ok := retail.RefusalsOf(err)
	if !ok || len(list) != 4 {
		t.Fatalf("got %v", err)
	}
}

func TestACartHasFiftyLinesAtMost(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	var in []cart.LineInput
	for i := range retail.MaxCartLines {
		sku := "N" + strings.Repeat("0", i)[:min(i, 30)] + string(rune('A'+i%26))
		w.prices[sku] = &retail.Price{SKU: sku, Current: yuan(1), List: yuan(1)}
		in = append(in, ship(sku, 1))
	}
	c, _ := sh.add(in...)
	if len(c.Lines) != retail.MaxCartLines {
		t.Fatalf("%d lines", len(c.Lines))
	}
	_, _, err := s.AddLines(t.Context(), member, "more", sh.id, nil, []cart.LineInput{ship("A", 1)})
	if r := refusal(t, err, retail.WhyLimitReached, "lines"); r.Limit == nil || *r.Limit != retail.MaxCartLines {
		t.Errorf("limit %v", r.Limit)
	}
	if c := sh.get(); len(c.Lines) != retail.MaxCartLines {
		t.Errorf("%d lines", len(c.Lines))
	}
}

func TestThePreferredStoreIsTheStore(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	ctx := retail.WithContext(t.Context(), retail.Context{LocationCode: "S-2", Channel: retail.ChannelApp})
	c, _, err := s.AddLines(ctx, member, "k", sh.id, nil, []cart.LineInput{{SKU: "A", Quantity: 1, Method: retail.MethodPickup}})
	if err != nil || lines(c) != "[A:1:PICKUP@S-2]" {
		t.Fatalf("got %v, %v", c, err)
	}
}

func TestUpdatingLines(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	c, _ := sh.add(pickup("A", 2, "S-1"), pickup("A", 1, "S-2"), ship("B", 1))
	first, second, third := c.Lines[0].ID, c.Lines[1].ID, c.Lines[2].ID
	seven, zero, huge := 7, 0, 1_000_000
	shipping, curbside, collect := retail.MethodShipping, retail.MethodCurbside, retail.MethodPickup
	s1, s2 := "S-1", "S-2"

	for name, tt := range map[string]struct {
		in    []cart.LineUpdate
		why   retail.Why
		field string
	}{
		"a quantity of nothing":    {[]cart.LineUpdate{{LineID: first, Quantity: &zero}}, retail.WhyInvalid, "lines.0.quantity"},
		"a huge quantity":          {[]cart.LineUpdate{{LineID: first, Quantity: &huge}}, retail.WhyInvalid, "lines.0.quantity"},
		"a line that is not there": {[]cart.LineUpdate{{LineID: "l-x", Quantity: &seven}}, retail.WhyNotFound, "lines.0.lineId"},
		"one line twice":           {[]cart.LineUpdate{{LineID: first}, {LineID: first}}, retail.WhyInvalid, "lines.1.lineId"},
		"shipping from a store":    {[]cart.LineUpdate{{LineID: third, LocationRef: &s1}}, retail.WhyInvalid, "lines.0.locationId"},
		"collecting nowhere":       {[]cart.LineUpdate{{LineID: third, Method: &collect}}, retail.WhyInvalid, "lines.0.locationId"},
		"kerbside without kerb":    {[]cart.LineUpdate{{LineID: second, Method: &curbside}}, retail.WhyPlaceClosed, "lines.0.locationId"},
	} {
		_, _, err := s.UpdateLines(t.Context(), member, "k-"+name, sh.id, nil, tt.in)
		t.Run(name, func(t *testing.T) { refused(t, err, tt.why, tt.field) })
	}
	if c := sh.get(); c.Version != 2 {
		t.Fatalf("a refusal changed the cart: version %d", c.Version)
	}
	c, _ = sh.must(s.UpdateLines(t.Context(), member, sh.key(), sh.id, nil, []cart.LineUpdate{
		{LineID: first, Quantity: &seven, Method: &curbside}, {LineID: second, Method: &shipping},
	}))
	if got, want := lines(c), "[A:7:CURBSIDE@S-1 A:1:SHIPPING B:1:SHIPPING]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c, warnings := sh.must(s.UpdateLines(t.Context(), member, sh.key(), sh.id, nil, []cart.LineUpdate{
		{LineID: first, Method: &collect, LocationRef: &s2}, {LineID: second, Method: &collect, LocationRef: &s2},
	}))
	if got, want := lines(c), "[A:8:PICKUP@S-2 B:1:SHIPPING]"; got != want || codes(warnings) != "[LINE_MERGED]" || c.Lines[0].ID != first {
		t.Errorf("lines that become alike join the first: got %s, want %s; %s", got, want, codes(warnings))
	}
	c, _ = sh.must(s.SetFulfillment(t.Context(), member, sh.key(), sh.id, nil, retail.MethodPickup, "S-1"))
	if got, want := lines(c), "[A:8:PICKUP@S-1 B:1:PICKUP@S-1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c, _ = sh.must(s.RemoveLines(t.Context(), member, sh.key(), sh.id, nil, []string{first, first}))
	if got, want := lines(c), "[B:1:PICKUP@S-1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, _, err := s.RemoveLines(t.Context(), member, sh.key(), sh.id, nil, []string{first})
	refused(t, err, retail.WhyNotFound, "lineIds.0")
}

func TestASilentCatalogIsAFaultAndNoRefusal(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	w.mute = true
	_, _, err := s.AddLines(t.Context(), member, "k", sh.id, nil, []cart.LineInput{ship("A", 1)})
	if retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Fatalf("got %v", err)
	}
}
