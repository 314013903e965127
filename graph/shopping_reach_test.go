package graph_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

func TestAPartnerAsksInItsChannels(t *testing.T) {
	s := newStub()
	var got retail.Channel
	var reach *retail.Reach
	s.product = func(ctx context.Context) (*retail.Product, error) {
		got, reach = retail.ContextOf(ctx).Channel, retail.ReachOf(ctx)
		return nil, nil
	}
	two := &auth.Partner{ID: "mallpad", Reach: &retail.Reach{Channels: []retail.Channel{retail.ChannelPartner, retail.ChannelApp}}}
	one := &auth.Partner{ID: "maptown", Reach: &retail.Reach{Channels: []retail.Channel{retail.ChannelPOS}}}
	all := &auth.Partner{ID: "everywhere", Reach: &retail.Reach{}}
	h := mustHandler(t, s)
	for name, c := range map[string]struct {
		partner   *auth.Partner
		operation string
		header    string
		want      retail.Channel
		refused   string
	}{
		"nothing said is the first":       {two, "query", "", retail.ChannelPartner, ""},
		"or the only one":                 {one, "query", "", retail.ChannelPOS, ""},
		"or everybody's, without bounds":  {all, "query", "", retail.ChannelWeb, ""},
		"the second, in a header":         {two, "query", "app", retail.ChannelApp, ""},
		"the second, in the operation":    {two, "query @inContext(channel:APP)", "WEB", retail.ChannelApp, ""},
		"beyond reach, in a header":       {two, "query", "WEB", "", "context: channel must be PARTNER or APP"},
		"beyond reach, in the operation":  {two, "query @inContext(channel:WEB)", "APP", "", "context: channel must be PARTNER or APP"},
		"one that does not exist":         {two, "query", "FAX", "", "context: channel must be PARTNER or APP"},
		"beyond the reach of one channel": {one, "query", "PARTNER", "", "context: channel must be POS"},
	} {
		p := auth.Principal{Role: auth.RolePartner, Subject: c.partner.ID, Client: c.partner.ID, Partner: c.partner}
		got, reach = "", nil
		asPartner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
		})
		var headers []string
		if c.header != "" {
			headers = []string{"X-Channel", c.header}
		}
		w := post(asPartner, query(c.operation+`{product(sku:"A"){id}}`), headers...)
		answer := decode(t, w)
		switch {
		case c.refused != "":
			if w.Code != http.StatusBadRequest || answer.code() != "BAD_INPUT" || answer.Errors[0].Message != c.refused {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
		case got != c.want || reach != c.partner.Reach:
			t.Errorf("%s: asked in %q with %v: %s", name, got, reach, w.Body)
		}
	}
}
