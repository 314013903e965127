package cart_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/demo/faults"
	demoshop "github.com/portico-retail/portico/integrations/demo/shop"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

// onTheWire is a cart service whose carts are in the stand-in shop, reached by the real client.
func onTheWire(t *testing.T) (*world, *cart.Service) {
	t.Helper()
	w, _ := newWorld(t)
	now := func() time.Time { return w.now }
	server := httptest.NewServer(demoshop.New(demoshop.Data{APIKey: "k"}, now, faults.NewBoard(1)).Handler())
	t.Cleanup(server.Close)
	guard := upstream.Config{MaxAttempts: 1}
	client, err := shop.New(shop.Config{
		HTTP: upstream.HTTPConfig{URL: server.URL, MaxBodyBytes: 1 << 20}, APIKey: "k", Live: guard, Feed: guard, Write: guard,
	}, func() []string { return nil }, upstream.NewMetrics(prometheus.NewRegistry()), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.coupon(retail.Coupon{Number: "C1", Amount: yuan(100), Stackable: true})
	w.coupon(retail.Coupon{Number: "C2", Amount: yuan(200), Stackable: true})
	return w, w.service(client)
}

func TestChangesOverTheShopsWire(t *testing.T) {
	_, sh, c := filled(t)
	for name := range everyChange(sh, c) {
		t.Run(name, func(t *testing.T) {
			_, s := onTheWire(t)
			sh := newShopper(t, s, member)
			sh.add(pickup("A", 1, "S-1"), pickup("B", 1, "S-1"))
			c, _ := sh.must(s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, "C1"))
			do := everyChange(sh, c)[name]
			first, _ := sh.must(do("key", nil))
			if first.Version != c.Version+1 {
				t.Fatalf("version %d behind %d", first.Version, c.Version)
			}
			sh.must(s.SetNote(t.Context(), member, "in between", sh.id, nil, "x"))
			for _, version := range []*int{nil, &c.Version} {
				again, _ := sh.must(do("key", version))
				if diff := cmp.Diff(first.Cart, again.Cart); diff != "" {
					t.Fatalf("the same key has another answer: %s", diff)
				}
			}
			_, _, err := do("another key", &c.Version)
			refused(t, err, retail.WhyVersionConflict, "version")
		})
	}
}

func TestMergingOverTheShopsWire(t *testing.T) {
	_, s := onTheWire(t)
	guests := newShopper(t, s, guest)
	guests.add(pickup("A", 2, "S-1"), ship("B", 1))
	newShopper(t, s, member).add(pickup("A", 3, "S-1"))
	merged, _, err := s.Merge(t.Context(), member, guest, "k")
	if err != nil || lines(merged) != "[A:5:PICKUP@S-1 B:1:SHIPPING]" {
		t.Fatalf("got %v, %v", merged, err)
	}
	again, _, err := s.Merge(t.Context(), member, guest, "k")
	if diff := cmp.Diff(merged.Cart, again.Cart); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	_, err = s.Current(t.Context(), guest)
	refused(t, err, retail.WhyNotFound, "")
	if err := s.Close(t.Context(), merged.ID, "o-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checkout(t.Context(), member, merged.ID, merged.Version); !retail.Refused(err, retail.WhyNotAllowed) {
		t.Fatalf("got %v", err)
	}
}
