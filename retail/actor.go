package retail

// Actor is who acts, as far as carts, holds and orders care.
type Actor struct {
	Role    string // "guest", "member", "associate", "partner", "operator"
	Subject string // of the token; empty for somebody without a session
	// MemberID is the member behind a member's subject; empty for everybody else.
	MemberID string
	// Locations are the codes of the places that an associate works at.
	Locations []string
}

// Key identifies the owner of carts, holds and orders. A member's is the member, whatever identity signed in.
func (a Actor) Key() string {
	if a.MemberID != "" {
		return "member:" + a.MemberID
	}
	return a.Role + ":" + a.Subject
}

// Known reports whether the actor has a session of any kind.
func (a Actor) Known() bool { return a.Subject != "" }

// WorksAt reports whether the actor is an associate of the place.
func (a Actor) WorksAt(locationCode string) bool {
	if a.Role != "associate" {
		return false
	}
	for _, code := range a.Locations {
		if code == locationCode {
			return true
		}
	}
	return false
}
