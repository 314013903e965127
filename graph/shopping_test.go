package graph_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
)

func TestShoppingContext(t *testing.T) {
	s := newStub()
	var got retail.Context
	s.product = func(ctx context.Context) (*retail.Product, error) {
		got = retail.ContextOf(ctx)
		return nil, nil
	}
	h := mustHandler(t, s)
	store := retail.GlobalID(retail.KindLocation, "S-0101")
	const web, app, zh, en = retail.ChannelWeb, retail.ChannelApp, retail.LanguageChinese, retail.LanguageEnglish
	for name, c := range map[string]struct {
		operation string
		variables map[string]any
		headers   []string
		want      retail.Context
		refused   bool
	}{
		"nothing said":                 {"query", nil, nil, retail.DefaultContext, false},
		"all said":                     {`query @inContext(locationId:"S-0101",channel:APP,language:EN)`, nil, nil, retail.Context{LocationCode: "S-0101", Channel: app, Language: en}, false},
		"a global id":                  {`query @inContext(locationId:"` + store + `")`, nil, nil, retail.Context{LocationCode: "S-0101", Channel: web, Language: zh}, false},
		"variables":                    {"query($l:ID,$c:Channel,$g:Language)@inContext(locationId:$l,channel:$c,language:$g)", map[string]any{"l": "S-1", "c": "APP", "g": "EN"}, nil, retail.Context{LocationCode: "S-1", Channel: app, Language: en}, false},
		"a number":                     {"query @inContext(locationId:17)", nil, nil, retail.Context{LocationCode: "17", Channel: web, Language: zh}, false},
		"headers":                      {"query", nil, []string{"X-Location-Id", "S-2", "X-Channel", "APP", "Accept-Language", "en"}, retail.Context{LocationCode: "S-2", Channel: app, Language: en}, false},
		"a channel in lower case":      {"query", nil, []string{"X-Channel", "mini_program"}, retail.Context{Channel: retail.ChannelMiniProgram, Language: zh}, false},
		"the directive wins":           {`query @inContext(locationId:"S-1",channel:POS)`, nil, []string{"X-Location-Id", "S-2", "X-Channel", "APP", "Accept-Language", "en"}, retail.Context{LocationCode: "S-1", Channel: retail.ChannelPOS, Language: en}, false},
		"null falls back":              {"query @inContext(locationId:null,channel:null)", nil, []string{"X-Location-Id", "S-2"}, retail.Context{LocationCode: "S-2", Channel: web, Language: zh}, false},
		"an absent variable":           {"query($l:ID)@inContext(locationId:$l)", nil, []string{"X-Location-Id", "S-2"}, retail.Context{LocationCode: "S-2", Channel: web, Language: zh}, false},
		"weighed languages":            {"query", nil, []string{"Accept-Language", "fr, en-GB;q=0.8, zh;q=0.2"}, retail.Context{Channel: web, Language: en}, false},
		"traditional Chinese":          {"query", nil, []string{"Accept-Language", "zh-HK,zh;q=0.9,en;q=0.5"}, retail.Context{Channel: web, Language: zh}, false},
		"an unknown language":          {"query", nil, []string{"Accept-Language", "fr"}, retail.DefaultContext, false},
		"a broken language":            {"query", nil, []string{"Accept-Language", ";;;=,"}, retail.DefaultContext, false},
		"an id of another kind":        {`query @inContext(locationId:"` + retail.GlobalID(retail.KindProduct, "p-1") + `")`, nil, nil, retail.Context{}, true},
		"a code that cannot be":        {`query @inContext(locationId:"S 1")`, nil, nil, retail.Context{}, true},
		"a long code":                  {`query @inContext(locationId:"0123456789012345678901234")`, nil, nil, retail.Context{}, true},
		"a broken header":              {"query", nil, []string{"X-Location-Id", "<script>"}, retail.Context{}, true},
		"an unknown channel in header": {"query", nil, []string{"X-Channel", "FAX"}, retail.Context{}, true},
	} {
		got = retail.Context{}
		w := post(h, query(c.operation+`{product(sku:"A"){id}}`, c.variables), c.headers...)
		r := decode(t, w)
		if c.refused {
			if w.Code != 400 || r.code() != "BAD_INPUT" {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" || w.Code != 200 {
			t.Errorf("%s: %d %s\n%s", name, w.Code, w.Body, diff)
		}
	}
}

func TestOnlyTheExecutedOperationsContextCounts(t *testing.T) {
	s := newStub()
	var got retail.Context
	s.product = func(ctx context.Context) (*retail.Product, error) {
		got = retail.ContextOf(ctx)
		return nil, nil
	}
	h := mustHandler(t, s)
	text := `query A @inContext(locationId:"not a place"){product(sku:"A"){id}} query B @inContext(language:EN){product(sku:"A"){id}}`
	body := `{"operationName":"B",` + query(text)[1:]
	if w := post(h, body); w.Code != 200 || got.Language != retail.LanguageEnglish {
		t.Errorf("got %d %s, %v", w.Code, w.Body, got)
	}
}
