package care

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

// Bounds of what people may say.
const (
	MaxText           = 2000 // characters
	MaxTitle          = 100  // characters
	MaxReplies        = 50   // to one feedback
	MaxOpenComplaints = 20   // of one author
)

// Config says what a retailer decides about feedback.
type Config struct {
	// PublishReviews shows reviews at once; otherwise an associate or operator publishes them.
	PublishReviews bool
}

// DefaultConfig publishes reviews at once.
func DefaultConfig() Config { return Config{PublishReviews: true} }

// Deps are what the service needs.
type Deps struct {
	Store     Store
	Purchases Purchases
	Now       func() time.Time // time.Now when nil
}

// Service takes feedback and answers it. It is safe for concurrent use.
type Service struct {
	config Config
	deps   Deps
}

// New returns a service.
func New(config Config, deps Deps) *Service {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Service{config: config, deps: deps}
}

// now is to the microsecond, as precise as every store keeps it, so that cursors meet their entries.
func (s *Service) now() time.Time { return s.deps.Now().UTC().Truncate(time.Microsecond) }

// shopper reports whether the actor buys for themselves.
func shopper(a retail.Actor) bool { return a.Known() && (a.Role == "guest" || a.Role == "member") }

// staff reports whether the actor answers for the place; operators answer for all, also where no place is concerned.
func staff(a retail.Actor, locationCode string) bool {
	return a.Role == "operator" && a.Known() || locationCode != "" && a.WorksAt(locationCode)
}

func author(a retail.Actor, f *Feedback) bool { return shopper(a) && f.Owner == a.Key() }

// derive makes an id that follows from the author and the idempotency key, so that a repetition meets the same thing.
func derive(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{kind}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part))) // a hash never fails
		h.Write([]byte(part))
	}
	return kind + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:20]))
}

func checkKey(key string) error {
	if key == "" || len(key) > 200 || !utf8.ValidString(key) {
		return retail.Refuse(retail.WhyInvalid, "idempotencyKey", "an idempotency key of 1 to 200 bytes is needed")
	}
	return nil
}

// checkText refuses text that is too short or too long, and characters that nobody types: they would deceive whoever reads it.
func checkText(s, field string, least, most int) error {
	length := utf8.RuneCountInString(strings.TrimSpace(s))
	switch {
	case length < least:
		return retail.Refuse(retail.WhyInvalid, field, "a text is needed")
	case utf8.RuneCountInString(s) > most:
		r := retail.Refuse(retail.WhyInvalid, field, "the text is too long")
		r.Limit = &most
		return r
	case !utf8.ValidString(s) || strings.ContainsFunc(s, hidden):
		return retail.Refuse(retail.WhyInvalid, field, "the text has control characters")
	}
	return nil
}

// hidden reports control characters but line breaks, and those that turn the direction of the text around them.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func checkScore(score, least, most int) error {
	if score < least || score > most {
		return retail.Refuse(retail.WhyInvalid, "score", "the score is outside its scale")
	}
	return nil
}

// Get loads feedback for its author, for staff of the place and, when it is a published review, for everybody. For all
// others it fails with CodeNotFound, as if it were not there.
func (s *Service) Get(ctx context.Context, actor retail.Actor, id string) (*Feedback, error) {
	f, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if !author(actor, f) && !staff(actor, f.LocationCode) && !public(f) {
		return nil, missing()
	}
	return shown(actor, f), nil
}

func public(f *Feedback) bool { return f.Kind == KindReview && f.Status == StatusPublished }

func missing() error { return retail.Errorf(retail.CodeNotFound, "no such feedback") }

func (s *Service) load(ctx context.Context, id string) (*Feedback, error) {
	if id == "" || len(id) > 100 {
		return nil, missing()
	}
	return s.deps.Store.Feedback(ctx, id)
}

// shown is a copy with what the actor may see: only staff sees which associate replied, and only author and staff see who
// wrote and on which purchase.
func shown(a retail.Actor, f *Feedback) *Feedback {
	c := *f
	c.Replies = slices.Clone(f.Replies)
	if staff(a, f.LocationCode) {
		return &c
	}
	for i := range c.Replies {
		c.Replies[i].Author = ""
	}
	if !author(a, f) {
		c.Owner, c.OrderID, c.ReceiptNo = "", "", ""
	}
	return &c
}

func isNotFound(err error) bool {
	var e *retail.Error
	return errors.As(err, &e) && e.Code == retail.CodeNotFound
}
