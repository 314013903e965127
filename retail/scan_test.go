package retail_test

import (
	"strings"
	"testing"

	"github.com/portico-retail/portico/retail"
)

func TestParseScan(t *testing.T) {
	const gtin = "09506000134352"
	for name, c := range map[string]struct {
		in   string
		want retail.Scan
	}{
		"a SKU as a person types it":              {" ab-12 ", retail.Scan{SKU: "AB-12"}},
		"an EAN-13 may be a SKU too":              {"9506000134352", retail.Scan{SKU: "9506000134352", GTIN: gtin}},
		"a GTIN-14":                               {gtin, retail.Scan{SKU: gtin, GTIN: gtin}},
		"a UPC-A of 12 digits":                    {"036000291452", retail.Scan{SKU: "036000291452", GTIN: "00036000291452"}},
		"a GTIN-8":                                {"96385074", retail.Scan{SKU: "96385074", GTIN: "00000096385074"}},
		"a wrong check digit leaves a SKU":        {"9506000134353", retail.Scan{SKU: "9506000134353"}},
		"a Digital Link":                          {"https://id.gs1.org/01/09506000134352", retail.Scan{GTIN: gtin}},
		"a Digital Link of any host":              {"http://shop.example:8080/01/9506000134352", retail.Scan{GTIN: gtin}},
		"a Digital Link with batch and serial":    {"https://a.example/01/09506000134352/10/AB%2F1/21/9?17=261231", retail.Scan{GTIN: gtin}},
		"a Digital Link with a path before":       {"https://a.example/zh/some/01/09506000134352?x=1#y", retail.Scan{GTIN: gtin}},
		"a path that holds 01 before the GTIN":    {"https://a.example/01/shop/01/09506000134352", retail.Scan{GTIN: gtin}},
		"a scheme in capitals, as QR codes do it": {"HTTPS://A.EXAMPLE/01/09506000134352", retail.Scan{GTIN: gtin}},
	} {
		got, err := retail.ParseScan(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestParseScanRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":                         "",
		"characters of no code":           "连衣裙",
		"a link without a GTIN":           "https://a.example/products/1",
		"a link with a wrong check digit": "https://a.example/01/09506000134353",
		"a link of another scheme":        "ftp://a.example/01/09506000134352",
		"a link without a host":           "https:///01/09506000134352",
		"a GTIN in the query only":        "https://a.example/?01=09506000134352",
		"a very long code":                "https://a.example/01/09506000134352/" + strings.Repeat("1", 600),
	} {
		if got, err := retail.ParseScan(in); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func FuzzParseScan(f *testing.F) {
	for _, seed := range []string{"9506000134352", "https://a.example/01/09506000134352/10/x", "http://[::1]/01/1", "%zz://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		s, err := retail.ParseScan(code)
		switch {
		case err != nil && s != retail.Scan{}:
			t.Errorf("%q was refused and yet read as %+v", code, s)
		case err == nil && s == retail.Scan{}:
			t.Errorf("%q was accepted and means nothing", code)
		case s.SKU != "" && !retail.ValidSKU(s.SKU):
			t.Errorf("%q holds the impossible SKU %q", code, s.SKU)
		}
		if again, ok := retail.NormalizeGTIN(s.GTIN); s.GTIN != "" && (!ok || again != s.GTIN) {
			t.Errorf("%q holds the impossible GTIN %q", code, s.GTIN)
		}
	})
}
