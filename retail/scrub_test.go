package retail_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

func TestWhatIsShapedLikeSomebodysIsTakenOut(t *testing.T) {
	const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
	for text, want := range map[string]string{
		"call 13812348000 now":                              "call [personal] now",
		"+8613812348000":                                    "[personal]",
		"+86 138 1234 8000":                                 "[personal]",
		"138-1234-8000":                                     "[personal]",
		"GET /accounts?phone=%2B8613812348000: EOF":         "GET /accounts?phone=[personal]: EOF",
		"operation Phone13812348000":                        "operation Phone[personal]",
		"phone13812348000":                                  "phone[personal]",
		"+49 30 1234567 rang":                               "[personal] rang",
		"+1 (212) 555-0134":                                 "[personal]",
		"tel:+447911123456;x":                               "tel:[personal];x",
		"?phone=%2B33612345678&x=1":                         "?phone=[personal]&x=1",
		"021-62345678":                                      "[personal]",
		"(0755) 8234 5678 and 010 6234 5678":                "[personal] and [personal]",
		"at 2026-03-02T04:00:00+08:00 or +0800":             "at 2026-03-02T04:00:00+08:00 or +0800",
		"1.5e+10, 3 + 4, +12":                               "1.5e+10, 3 + 4, +12",
		"13812348000 and 13912348000":                       "[personal] and [personal]",
		"anna.wang+1@mail.example.com failed":               "[personal] failed",
		"张小明@例子.中国":                                         "[personal]",
		"?email=anna%40a.example&x=1":                       "?email=[personal]&x=1",
		"id 11010519491231002X.":                            "id [personal].",
		"310101199003071234":                                "[personal]",
		"Authorization: Bearer " + token:                    "Authorization: Bearer [personal]",
		"token " + token + " expired":                       "token [personal] expired",
		"DPoP abcdefghijkl":                                 "[personal]",
		"at 1740000000 (seconds)":                           "at 1740000000 (seconds)",
		"at 1740000000123 (milliseconds)":                   "at 1740000000123 (milliseconds)",
		"at 1740000000123456 (microseconds)":                "at 1740000000123456 (microseconds)",
		"request f6ae02e3-5a58-4247-b21a-13812348000a":      "request f6ae02e3-5a58-4247-b21a-13812348000a",
		"gqlgen@v0.17.95/graphql/slice.go:19":               "gqlgen@v0.17.95/graphql/slice.go:19",
		"9223372036854775807":                               "9223372036854775807",
		"order 20260302-000123, sku 10000018, S-SH01":       "order 20260302-000123, sku 10000018, S-SH01",
		"connect to 10.0.0.1:5432: connection refused":      "connect to 10.0.0.1:5432: connection refused",
		"999999999999999999 is no card: no day 99 of month": "999999999999999999 is no card: no day 99 of month",
	} {
		if got := retail.Scrub(text); got != want {
			t.Errorf("%q reads %q, want %q", text, got, want)
		}
	}
}

// However a phone number stands in a text, it does not stand in the log.
func TestAPhoneNumberIsFoundWhereverItStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		phone := "1" + rapid.StringMatching(`[3-9][0-9]{9}`).Draw(t, "phone")
		around := rapid.StringMatching(`[ ,;:=/"'(){}\[\]\n张]{0,5}`)
		text := "x " + around.Draw(t, "before") + rapid.SampledFrom([]string{"", "+86", "86", "+86 "}).Draw(t, "country") + phone + around.Draw(t, "after")
		if got := retail.Scrub(text); strings.Contains(got, phone) {
			t.Fatalf("%q reads %q", text, got)
		}
	})
}

func BenchmarkScrub(b *testing.B) {
	const line = "graphql error request=f6ae02e3-5a58-4247-b21a-9381c34800aa ERP: UPSTREAM_UNAVAILABLE: a system of record is not available: dial tcp 10.0.0.1:5432"
	b.ReportAllocs()
	for b.Loop() {
		retail.Scrub(line)
	}
}

func TestWhatPanickedDoesNotTellWhatItHeld(t *testing.T) {
	caught := func(do func()) (v any) {
		defer func() { v = recover() }()
		do()
		return nil
	}
	var list []int
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { _ = list[len(list)] }, "runtime error: index out of range [0] with length 0"},
		{func() { panic("张小明") }, "a value of type string"},
		{func() { panic(errors.New("张小明")) }, "a value of type *errors.errorString"},
	} {
		if got := retail.PanicText(caught(c.do)); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
