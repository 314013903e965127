package sourcing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/sourcing"
)

// Whatever is asked within a reach has the answer of a retailer that has no other places.
func TestPlacesBeyondReachServeNothingAndAreNotNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, codes := drawWorld(t)
		reach := &retail.Reach{Locations: []string{codes[0]}}
		for _, code := range codes[1:] {
			if rapid.Bool().Draw(t, "within") {
				reach.Locations = append(reach.Locations, code)
			}
		}
		within := slices.DeleteFunc(slices.Clone(whole.places.All()), func(l *retail.Location) bool { return !reach.Location(l.Code) })
		part := newWorld(t, whole.now, within)
		part.units, part.silent, part.queues = whole.units, whole.silent, whole.queues
		plan := drawQuery(t, codes)
		options := sourcing.OptionsQuery{Address: plan.Address}
		for _, l := range plan.Lines {
			options.Items = append(options.Items, sourcing.Item{SKU: l.SKU, Quantity: l.Quantity})
		}
		if rapid.Bool().Draw(t, "names stores") {
			options.LocationRefs = rapid.SliceOfN(rapid.SampledFrom(append(codes, "L-9")), 1, 3).Draw(t, "stores")
		}
		at := rapid.SampledFrom(append(codes, "L-9")).Draw(t, "slots at")
		ask := func(ctx context.Context, w *world) []string {
			s := w.service(sourcing.DefaultConfig())
			planned, perr := s.Plan(ctx, plan)
			offered, oerr := s.DeliveryOptions(ctx, options)
			slots, serr := s.PickupSlots(ctx, at, retail.MethodPickup, "", 3)
			fee := s.Fee(ctx, plan)
			var out []string
			for _, x := range []any{planned, refusals(perr), offered, refusals(oerr), slots, refusals(serr), fee} {
				text, err := json.MarshalIndent(x, "", " ")
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(text))
			}
			for _, method := range []retail.FulfillmentMethod{retail.MethodInstant, retail.MethodShipping} {
				for _, l := range s.Candidates(ctx, method, plan.Address) {
					out = append(out, l.Code)
				}
			}
			return out
		}
		want := ask(context.Background(), part)
		got := ask(retail.WithReach(context.Background(), reach), whole)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("as if there were no others (-) and within reach (+):\n%s", diff)
		}
	})
}

func refusals(err error) string {
	if list, ok := retail.RefusalsOf(err); ok {
		text, _ := json.Marshal(list)
		return string(text)
	}
	return fmt.Sprint(err)
}
