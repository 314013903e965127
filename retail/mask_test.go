package retail_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

func TestMasksLeaveWhatTheyState(t *testing.T) {
	for _, c := range []struct {
		mask       retail.Mask
		text, want string
	}{
		{retail.MaskName, "张小明", "张*"},
		{retail.MaskName, " 张 ", "*"},
		{retail.MaskName, "Anna Wang", "A*"},
		{retail.MaskName, "A", "*"},
		{retail.MaskName, "𠮷野", "𠮷*"},
		{retail.MaskName, "\xff\xfe王五", "王*"},
		{retail.MaskPhone, "+8613812348000", "138****8000"},
		{retail.MaskPhone, "13812348000", "138****8000"},
		{retail.MaskPhone, "+86 138-1234-8000", "138****8000"},
		{retail.MaskPhone, "+447911123456", "447****3456"},
		{retail.MaskPhone, "+86", "****"},
		{retail.MaskPhone, "12345678", "****5678"},
		{retail.MaskPhone, "1234567", "****"},
		{retail.MaskPhone, "no number", "****"},
		{retail.MaskEmail, "anna@a.example", "a***@a.example"},
		{retail.MaskEmail, "a@a.example", "***@a.example"},
		{retail.MaskEmail, "anna@b@a.example", "a***@a.example"},
		{retail.MaskEmail, "@a.example", "***"},
		{retail.MaskEmail, "anna", "***"},
		{retail.MaskEmail, "anna@", "***"},
		{retail.MaskCode, "9900000012", "****0012"},
		{retail.MaskCode, "1234567", "****"},
		{retail.MaskHidden, "anything", ""},
		{retail.MaskAddress, "a text is no address", ""},
		{"ANOTHER", "anything", ""},
		{retail.MaskName, "", ""},
		{retail.MaskPhone, "  ", ""},
	} {
		if got := c.mask.Text(c.text); got != c.want {
			t.Errorf("%s of %q is %q, want %q", c.mask, c.text, got, c.want)
		}
	}
	full := retail.Address{CountryCode: "CN", Province: "上海", City: "上海", District: "静安", Line: "南京西路 1 号", PostalCode: "200040"}
	want := retail.Address{CountryCode: "CN", Province: "上海", City: "上海", District: "静安"}
	if got := retail.MaskAddress.Address(full); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, m := range []retail.Mask{retail.MaskHidden, retail.MaskName, "ANOTHER"} {
		if got := m.Address(full); got != (retail.Address{}) {
			t.Errorf("%s leaves %v of an address", m, got)
		}
	}
}

// Whatever was typed into province, city and district: only names of areas are left.
func TestAnAreaReadsLikeOne(t *testing.T) {
	for text, want := range map[string]string{
		"":    "",
		"黄浦区": "黄浦区",
		"道里区": "道里区",
		"积石山保安族东乡族撒拉族自治县": "积石山保安族东乡族撒拉族自治县",
		"Xi'an":                       "Xi'an",
		"Ningxia Hui Autonomous Reg.": "Ningxia Hui Autonomous Reg.",
		"静安区南京西路":                     "",
		"梅园街道":                        "",
		"静安区 1266":                    "",
		"静安区，恒隆广场":                    "",
		"Kanalstraße 7":               "",
		"anna@a.example":              "",
		"静安区南京西路恒隆广场门口交给张小明":    "",
		strings.Repeat("x", 33): "",
		"Huang\nPu":             "",
		"静安\xff":                "",
	} {
		typed := retail.Address{CountryCode: "CN", Province: text, City: text, District: text}
		left := retail.Address{CountryCode: "CN", Province: want, City: want, District: want}
		if got := retail.MaskAddress.Address(typed); got != left {
			t.Errorf("%q leaves %v, want %v", text, got, left)
		}
	}
}

// Two values that differ only in what is hidden read the same: nothing of it survives, not even its length.
func TestNothingOfWhatIsHiddenSurvives(t *testing.T) {
	han := rapid.StringOfN(rapid.RuneFrom([]rune("伟芳娜敏静磊洋艳勇杰éß😀")), 1, 8, -1)
	digits := func(least, most int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), least, most, -1)
	}
	local := rapid.StringOfN(rapid.RuneFrom([]rune("abcxyz.+@é伟")), 1, 20, -1)
	rapid.Check(t, func(t *rapid.T) {
		for name, c := range map[string]struct {
			mask retail.Mask
			a, b string
		}{
			"a name":           {retail.MaskName, "张" + han.Draw(t, "a"), "张" + han.Draw(t, "b")},
			"a phone":          {retail.MaskPhone, "+86138" + digits(4, 8).Draw(t, "a") + "8000", "+86138" + digits(4, 8).Draw(t, "b") + "8000"},
			"an e-mail":        {retail.MaskEmail, "a" + local.Draw(t, "a") + "@a.example", "a" + local.Draw(t, "b") + "@a.example"},
			"a code":           {retail.MaskCode, digits(4, 12).Draw(t, "a") + "0012", digits(4, 12).Draw(t, "b") + "0012"},
			"a code too short": {retail.MaskCode, digits(1, 7).Draw(t, "a"), digits(1, 7).Draw(t, "b")},
			"a hidden text":    {retail.MaskHidden, "x" + han.Draw(t, "a"), "x" + han.Draw(t, "b")},
		} {
			a, b := c.mask.Text(c.a), c.mask.Text(c.b)
			if a != b {
				t.Fatalf("%s: %q reads %q, and %q reads %q", name, c.a, a, c.b, b)
			}
		}
	})
}

// Whatever the text, a mask leaves at most what it states: seven digits, four characters, one character.
func TestAMaskNeverLeavesMoreThanItStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		left := func(m retail.Mask) int {
			got := m.Text(s)
			if !utf8.ValidString(got) {
				t.Fatalf("%s of %q is no text: %q", m, s, got)
			}
			return utf8.RuneCountInString(got)
		}
		length := utf8.RuneCountInString(strings.TrimSpace(strings.ToValidUTF8(s, "")))
		if n := left(retail.MaskName); n > 2 || length == 1 && n > 1 {
			t.Fatalf("NAME leaves %d characters of %d", n, length)
		}
		if n := left(retail.MaskPhone); n > 11 {
			t.Fatalf("PHONE leaves %d characters", n)
		}
		if n := left(retail.MaskCode); n > 8 || length < 8 && n > 4 {
			t.Fatalf("CODE leaves %d characters of %d", n, length)
		}
		if n := left(retail.MaskHidden) + left(retail.MaskAddress); n > 0 {
			t.Fatalf("HIDDEN and ADDRESS leave %d characters of a text", n)
		}
	})
}
