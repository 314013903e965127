package retail

import (
	"net/url"
	"strings"
)

// Scan is what a scanned code may mean. An 8-digit number can be both a SKU and a GTIN: whoever looks it up tries the
// SKU first, since a SKU that exists is never meant as something else.
type Scan struct {
	SKU  string // normalized; empty when the code can be none
	GTIN string // 14 digits; empty when the code holds none
}

// maxScan bounds a scanned code in bytes.
const maxScan = 512

// ParseScan reads a SKU, a GTIN or a GS1 Digital Link: an http(s) URL of any host whose path holds the application
// identifier 01 and a GTIN, wherever in the path, for example https://example.com/01/09506000134352/10/AB-123?17=261231.
func ParseScan(code string) (Scan, error) {
	code = strings.TrimSpace(code)
	if len(code) > maxScan {
		return Scan{}, BadInput("a scanned code has at most %d characters", maxScan)
	}
	if strings.Contains(code, "://") {
		return parseDigitalLink(code)
	}
	var s Scan
	if sku := NormalizeSKU(code); ValidSKU(sku) {
		s.SKU = sku
	}
	s.GTIN, _ = NormalizeGTIN(code)
	if s == (Scan{}) {
		return s, BadInput("the scanned code is no SKU, GTIN or GS1 Digital Link")
	}
	return s, nil
}

func parseDigitalLink(link string) (Scan, error) {
	u, err := url.Parse(link)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		parts := strings.Split(u.Path, "/")
		for i := 0; i+1 < len(parts); i++ {
			if parts[i] != "01" {
				continue
			}
			if gtin, ok := NormalizeGTIN(parts[i+1]); ok {
				return Scan{GTIN: gtin}, nil
			}
		}
	}
	return Scan{}, BadInput("the scanned link holds no GTIN")
}

// NormalizeGTIN returns the 14-digit form of a GTIN-8, -12, -13 or -14; ok is false when the length or the check digit
// is wrong.
func NormalizeGTIN(gtin string) (gtin14 string, ok bool) {
	gtin = strings.TrimSpace(gtin)
	switch len(gtin) {
	case 8, 12, 13, 14:
	default:
		return "", false
	}
	if !allDigits(gtin) {
		return "", false
	}
	gtin14 = "00000000000000"[len(gtin):] + gtin
	sum := 0
	for i := range 13 {
		weight := 3 - 2*(i%2)
		sum += weight * int(gtin14[i]-'0')
	}
	if (10-sum%10)%10 != int(gtin14[13]-'0') {
		return "", false
	}
	return gtin14, true
}
