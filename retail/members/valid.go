package members

import (
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

// plain reports whether s could be a key of some system: short, without spaces and control characters.
func plain(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}) < 0
}

// text reports whether s is one line of at most limit characters.
func text(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit && strings.IndexFunc(s, unicode.IsControl) < 0
}

func checkKey(key string) error {
	if !plain(key, 200) {
		return retail.Refuse(retail.WhyInvalid, "idempotencyKey", "an idempotency key of 1 to 200 printable characters is needed")
	}
	return nil
}

func checkName(name, field string) error {
	if strings.TrimSpace(name) == "" || !text(name, 100) {
		return retail.Refuse(retail.WhyInvalid, field, "a name has 1 to 100 characters")
	}
	return nil
}

func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || len(email) > 254 || !plain(email, 254) {
		return retail.Refuse(retail.WhyInvalid, "email", "this is no e-mail address")
	}
	return nil
}

func (s *Service) checkBirthday(day retail.Date) error {
	if day == "" {
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil || t.Year() < 1900 || t.After(s.deps.Now()) {
		return retail.Refuse(retail.WhyInvalid, "birthday", "a birthday is a day in the past, as YYYY-MM-DD")
	}
	return nil
}

func (s *Service) phone(raw string) (string, error) {
	if len(raw) <= 40 {
		if e164, ok := s.deps.Phones(raw); ok {
			return e164, nil
		}
	}
	return "", retail.Refuse(retail.WhyInvalid, "phone", "this is no phone number")
}

func limitReached(limit int, field, what string) error {
	r := retail.Refuse(retail.WhyLimitReached, field, "at most "+strconv.Itoa(limit)+" "+what)
	r.Limit = &limit
	return r
}
