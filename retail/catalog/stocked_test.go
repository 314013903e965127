package catalog_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

func TestInStockAsksOnceForAllCandidates(t *testing.T) {
	calls := 0
	s := newService(&shelf{list: boutique()}, &clock{now}, func(d *catalog.Deps) {
		d.Stocked = stockedFunc(func(skus, refs []string) (map[string]bool, error) {
			calls++
			if diff := cmp.Diff([]string{"S1", "D1", "D1-1", "D2"}, skus); diff != "" || !slices.Equal(refs, []string{"S-1"}) {
				t.Errorf("asked for %v at %v", skus, refs)
			}
			return map[string]bool{"D1-1": true, "S1": true, "D2": false}, nil
		})
	})
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	filter := catalog.Filter{CategoryIDs: []string{retail.GlobalID(retail.KindCategory, "c-1")}, InStockAt: []string{"S-1"}}
	got := find(t, s, catalog.Query{Filter: filter})
	if diff := cmp.Diff([]string{"S1", "D1"}, productCodes(got.Nodes())); diff != "" || calls != 1 || got.TotalCount.Value != 2 {
		t.Errorf("%d calls, %d in all, %s", calls, got.TotalCount.Value, diff)
	}
}

func TestInStockAsksInChunksAndHasALimit(t *testing.T) {
	list := assortment(1500, 5)
	skus := 0
	for _, p := range list.Products {
		skus += len(p.Variants)
	}
	var sizes []int
	s := newService(&shelf{list: list}, &clock{now}, func(d *catalog.Deps) {
		d.Stocked = stockedFunc(func(skus, _ []string) (map[string]bool, error) {
			sizes = append(sizes, len(skus))
			return map[string]bool{skus[0]: true}, nil
		})
	})
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := find(t, s, catalog.Query{Filter: catalog.Filter{InStockAt: []string{"S-1"}}})
	if diff := cmp.Diff([]int{2000, skus - 2000}, sizes); diff != "" || got.TotalCount.Value != 2 {
		t.Errorf("%d products, chunks %s", got.TotalCount.Value, diff)
	}

	var b builder
	b.product("P", "", both("雨伞", ""), nil, make([]int64, catalog.MaxCandidates+1)...)
	big := mustServe(t, b.build("1"))
	_, err := big.Products(context.Background(), catalog.Query{First: 1, Filter: catalog.Filter{InStockAt: []string{"S-1"}}})
	if retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("too many candidates: %v", err)
	}
}

func TestInStockFailsWithTheErrorOfTheStock(t *testing.T) {
	down := retail.Unavailable(retail.SourceERP, errors.New("down"))
	s := newService(&shelf{list: boutique()}, &clock{now}, func(d *catalog.Deps) {
		d.Stocked = stockedFunc(func(_, _ []string) (map[string]bool, error) { return nil, down })
	})
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Products(context.Background(), catalog.Query{First: 1, Filter: catalog.Filter{InStockAt: []string{"S-1"}}})
	if !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
