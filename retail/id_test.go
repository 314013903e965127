package retail_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/portico-retail/portico/retail"
)

func TestGlobalIDsSurviveWritingAndReading(t *testing.T) {
	for _, kind := range []string{retail.KindProduct, retail.KindVariant, retail.KindCategory, retail.KindLocation} {
		for _, key := range []string{"p-1", "a:b", "门店"} {
			k, got, ok := retail.ParseGlobalID(retail.GlobalID(kind, key))
			if !ok || k != kind || got != key {
				t.Errorf("%s %s: got %s, %s, %v", kind, key, k, got, ok)
			}
		}
	}
}

func TestForeignTextIsNoGlobalID(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for name, id := range map[string]string{
		"nothing":                    "",
		"plain text":                 "S-0101",
		"a kind without a key":       encode([]byte("Product:")),
		"a kind without a colon":     encode([]byte("Product")),
		"a kind that does not exist": encode([]byte("Robot:1")),
		"padding":                    base64.URLEncoding.EncodeToString([]byte("Product:1")) + "=",
		"a line break":               "UHJvZHVj\ndDox",
		"a very long text":           encode([]byte("Product:" + strings.Repeat("x", 200))),
	} {
		if kind, key, ok := retail.ParseGlobalID(id); ok {
			t.Errorf("%s was read as %s %s", name, kind, key)
		}
	}
}

func FuzzParseGlobalID(f *testing.F) {
	f.Add(retail.GlobalID(retail.KindVariant, "10000017"))
	f.Add("====")
	f.Fuzz(func(t *testing.T, id string) {
		if kind, key, ok := retail.ParseGlobalID(id); ok && retail.GlobalID(kind, key) != id {
			t.Errorf("%q is the id of %s %q, whose id is another", id, kind, key)
		}
	})
}
