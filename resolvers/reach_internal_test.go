package resolvers

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

type twoStores struct{}

func (twoStores) Locations(context.Context) ([]*retail.Location, int, error) {
	return []*retail.Location{{Code: "S-1", Zone: time.UTC}, {Code: "S-2", Zone: time.UTC}}, 0, nil
}

// What a record states of a place, a review for example, is told without the place to those who may not know of it.
func TestAPlaceBeyondReachIsNotNamed(t *testing.T) {
	directory := location.New(location.DefaultConfig(), location.Deps{Source: twoStores{}, Log: slog.New(slog.DiscardHandler)})
	if err := directory.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &Resolver{Locations: directory}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{
		Role: auth.RolePartner, Subject: "maptown", Partner: &auth.Partner{ID: "maptown", Reach: &retail.Reach{Locations: []string{"S-1"}}},
	})
	if r.place(ctx, "S-1") == nil || r.place(ctx, "S-2") != nil || r.place(t.Context(), "S-2") == nil || r.place(ctx, "") != nil {
		t.Error("a place is named by reach and by nothing else")
	}
	for code, want := range map[string]bool{"S-1": true, "S-2": false, "S-9": false} {
		found, err := r.node(ctx, retail.GlobalID(retail.KindLocation, code))
		if err != nil || (found != nil) != want {
			t.Errorf("node of %s: %v, %v", code, found, err)
		}
	}
}

func TestWhatAPartnerMakesIsThePartners(t *testing.T) {
	r := &Resolver{}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{
		Role: auth.RolePartner, Subject: "mallpad", Client: "maptown", Partner: &auth.Partner{ID: "maptown", Reach: &retail.Reach{}},
	})
	actor, err := r.actor(ctx)
	if err != nil || actor.Key() != "partner:maptown" {
		t.Errorf("acts as %s, %v", actor.Key(), err)
	}
}
