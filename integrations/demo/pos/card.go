// Loyalty cards: who holds them, the PIN that a holder proves them by, and the points that their sales gave.

package pos

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Card is a loyalty card; empty fields are unknown.
type Card struct {
	Number        string
	Name          string
	Phone         string // E.164
	PhoneVerified bool
	Email         string
	UnionID       string // WeChat
	Birthday      string // YYYY-MM-DD
	PIN           string
	IssuedAt      time.Time
}

// TillPoints is points that a till gave or took back.
type TillPoints struct {
	Card, Reference string
	Points          int
	At              time.Time
	Title, TitleEN  string
}

// Bounds of what is remembered.
const (
	pinTries  = 5
	pinLock   = 15 * time.Minute
	keepTold  = 100_000 // points for the ERP
	firstCard = 8_900_000_001
)

type card struct {
	number      string
	profile     profile
	pin         string
	issuedAt    time.Time
	wrong       int
	lockedUntil time.Time
	receipts    []*receipt  // newest first
	points      []cardPoint // oldest first, maxEntryList at most
}

type cardPoint struct {
	TillPoints
	location string
	seq      uint64
}

func newCard(c Card) *card {
	return &card{number: c.Number, pin: c.PIN, issuedAt: c.IssuedAt, profile: profile{
		name: c.Name, phone: c.Phone, verified: c.PhoneVerified, email: c.Email, unionID: c.UnionID, birthday: c.Birthday,
	}}
}

func (s *Server) card(number string) (*card, error) {
	c, ok := s.cards[number]
	if !ok {
		return nil, &fault{code: "NOT_FOUND", text: "no such card"}
	}
	return c, nil
}

func (s *Server) inquireCard(out []byte, req cardInquiry) ([]byte, error) {
	c, err := s.card(req.card)
	if err != nil {
		return nil, err
	}
	return appendCardReply(out, "CardInquiryReply", c), nil
}

func (s *Server) searchCards(out []byte, req cardSearch) []byte {
	out = append(out, `<CardSearchReply>`...)
	found := 0
	for _, number := range slices.Sorted(maps.Keys(s.cards)) {
		c := s.cards[number]
		byPhone := req.phone != "" && c.profile.verified && c.profile.phone == req.phone
		byUnion := req.unionID != "" && c.profile.unionID == req.unionID
		if (byPhone || byUnion) && found < maxFound {
			out = appendCard(out, c)
			found++
		}
	}
	return append(out, `</CardSearchReply>`...)
}

func (s *Server) issueCard(out []byte, req cardIssue) ([]byte, error) {
	if s.barred[req.reference] {
		return nil, conflict("whoever had this reference is forgotten")
	}
	c, known := s.issued[req.reference]
	if !known {
		number := ""
		for number == "" || s.cards[number] != nil {
			number = fmt.Sprint(firstCard + s.nextCard)
			s.nextCard++
		}
		c = &card{number: number, profile: req.profile, issuedAt: s.now()}
		s.cards[number], s.issued[req.reference] = c, c
	}
	return appendCardReply(out, "CardIssueReply", c), nil
}

func (s *Server) updateCard(out []byte, req cardUpdate) ([]byte, error) {
	c, err := s.card(req.card)
	if err != nil {
		return nil, err
	}
	c.profile = req.profile
	return appendCardReply(out, "CardUpdateReply", c), nil
}

func (s *Server) checkPIN(out []byte, req cardPin) ([]byte, error) {
	valid := false
	if c, ok := s.cards[req.card]; ok {
		now := s.now()
		if now.Before(c.lockedUntil) {
			return nil, &fault{code: "LOCKED", text: "too many wrong PINs"}
		}
		if valid = c.pin != "" && c.pin == req.pin; valid {
			c.wrong = 0
		} else if c.wrong++; c.wrong == pinTries {
			c.wrong, c.lockedUntil = 0, now.Add(pinLock)
		}
	}
	return append(appendText(append(out, `<CardPinCheckReply`...), "valid", fmt.Sprint(valid)), "/>"...), nil
}

// givePoints credits a receipt of a till's own: a point for each full unit of currency, as many less for a return.
func (s *Server) givePoints(r *receipt) {
	points := int(r.total / 100)
	c, known := s.cards[r.card]
	if !known || points == 0 {
		return
	}
	p := TillPoints{Card: r.card, Reference: r.number + ":EARN", Points: points, At: r.at, Title: "门店消费", TitleEN: "Purchase in store"}
	if points < 0 {
		p.Reference, p.Title, p.TitleEN = r.number+":RETURN", "门店退货", "Return in store"
	}
	c.points = append(c.points, cardPoint{p, r.location, r.seq})
	c.points = c.points[max(0, len(c.points)-maxEntryList):]
	s.told = append(s.told, p)
	if len(s.told) > 2*keepTold {
		s.forgotten += len(s.told) - keepTold
		s.told = slices.Clone(s.told[len(s.told)-keepTold:])
	}
}

// PointsSince returns the points that the tills gave after a position, oldest first, and the position to ask from next;
// 0 starts with the oldest that is kept. It is how the ERP hears of them.
func (s *Server) PointsSince(position int) (list []TillPoints, next int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := min(max(0, position-s.forgotten), len(s.told))
	return slices.Clone(s.told[from:]), s.forgotten + len(s.told)
}

func (s *Server) listPoints(out []byte, req cardPoints) ([]byte, error) {
	c, err := s.card(req.card)
	if err != nil {
		return nil, err
	}
	shown := slices.DeleteFunc(slices.Clone(c.points), func(p cardPoint) bool { return !s.shown(p.location, p.seq) })
	slices.SortStableFunc(shown, func(a, b cardPoint) int { return b.At.Compare(a.At) })
	out = append(out, `<CardPointsReply>`...)
	for _, p := range shown[:min(len(shown), req.max)] {
		out = appendEntry(out, p)
	}
	return append(out, `</CardPointsReply>`...), nil
}
