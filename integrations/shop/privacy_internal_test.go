package shop

import "testing"

func TestACopyTellsNobodyWhoRode(t *testing.T) {
	for copied, want := range map[string]string{
		`{"accounts":[]}`: `{"accounts":[]}`,
		`{"deliveries":[{"delivery":{"at":"T","courier":{"name":"Wang"}},"address":{"line":"1"}}]}`: `{"deliveries":[{"address":{"line":"1"},"delivery":{"at":"T"}}]}`,
		`{"deliveries":[]}`:                    `{"deliveries":[]}`,
		`{"deliveries":[{"delivery":"Wang"}]}`: "",
		`{"deliveries":[{"courier":"Wang"}]}`:  "",
		`{"deliveries":{"courier":"Wang"}}`:    "",
		`{"deliveries":["Wang"]}`:              "",
		`null`:                                 "",
		`[]`:                                   "",
		``:                                     "",
	} {
		if got, ok := withoutCouriers([]byte(copied)); ok != (want != "") || ok && string(got) != want {
			t.Errorf("%s reads %s, %v", copied, got, ok)
		}
	}
}
