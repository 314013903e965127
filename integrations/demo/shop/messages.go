// Text messages: the verification codes that the shop sends, and the telephone that shows them.

package shop

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	codeLife     = 5 * time.Minute
	codeTries    = 5
	maxMessages  = 1000 // of all phones
	shownAtOnce  = 20
	maxRemember  = 10_000
	maxCodePhone = 10_000 // phones with a code
)

type message struct {
	Phone  string    `json:"phone"`
	Text   string    `json:"text"`
	Code   string    `json:"code"`
	SentAt time.Time `json:"sentAt"`
}

// secret is the code of a phone.
type secret struct {
	code    string
	expires time.Time
	tries   int // left
}

// verdict is the answer to a check.
type verdict struct {
	phone, code string
	accepted    bool
}

// dispatch is the answer to a request for a code.
type dispatch struct {
	phone   string
	expires time.Time
}

type messages struct {
	sent    []message // oldest first
	secrets *memory[*secret]
	asked   *memory[dispatch]
	checked *memory[verdict]
}

func newMessages() messages {
	return messages{
		secrets: newMemory[*secret](maxCodePhone),
		asked:   newMemory[dispatch](maxRemember),
		checked: newMemory[verdict](maxRemember),
	}
}

func (s *Server) postVerification(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reference string `json:"reference"`
		Phone     string `json:"phone"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.Reference) || !isPhone(req.Phone) {
		return badRequest("a verification needs a reference and a phone in E.164")
	}
	return s.answer(w, func() (any, error) {
		sent, known := s.messages.asked.known[req.Reference]
		switch {
		case !known:
			sent = s.text(req.Phone)
			s.messages.asked.keep(req.Reference, sent)
		case sent.phone != req.Phone:
			return nil, conflict("the verification was asked for another phone")
		}
		return map[string]time.Time{"expiresAt": sent.expires}, nil
	})
}

// text sends a new code to the phone.
func (s *Server) text(phone string) dispatch {
	now := s.now().UTC()
	code := fmt.Sprintf("%06d", s.board.IntN(1_000_000))
	m := &s.messages
	m.secrets.keep(phone, &secret{code, now.Add(codeLife), codeTries})
	if len(m.sent) == maxMessages {
		m.sent = m.sent[1:]
	}
	m.sent = append(m.sent, message{phone, code + " is your verification code. It is valid for 5 minutes.", code, now})
	return dispatch{phone, now.Add(codeLife)}
}

func (s *Server) checkVerification(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reference string `json:"reference"`
		Phone     string `json:"phone"`
		Code      string `json:"code"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.Reference) || !isPhone(req.Phone) || len(req.Code) > maxText {
		return badRequest("a check needs a reference, a phone in E.164 and a code")
	}
	return s.answer(w, func() (any, error) {
		v, known := s.messages.checked.known[req.Reference]
		switch {
		case !known:
			v = verdict{req.Phone, req.Code, s.accept(req.Phone, req.Code)}
			s.messages.checked.keep(req.Reference, v)
		case v.phone != req.Phone || v.code != req.Code:
			return nil, conflict("the reference has checked another code")
		}
		return map[string]bool{"accepted": v.accepted}, nil
	})
}

// accept uses the code up, or one of its tries.
func (s *Server) accept(phone, code string) bool {
	c := s.messages.secrets.known[phone]
	if c == nil || c.tries == 0 || !s.now().Before(c.expires) {
		return false
	}
	c.tries--
	if c.code != code {
		return false
	}
	c.tries = 0
	return true
}

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "phone")
	if err != nil {
		return err
	}
	found := []message{}
	return s.answerRead(w, r, func() (any, error) {
		for _, m := range slices.Backward(s.messages.sent) {
			if m.Phone == query.Get("phone") && len(found) < shownAtOnce {
				found = append(found, m)
			}
		}
		return map[string]any{"messages": found}, nil
	})
}
