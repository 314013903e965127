package auth

import "github.com/portico-retail/portico/retail"

// Partner is a partner platform as the registry knows it. It is immutable: a changed registry makes another one.
type Partner struct {
	ID     string // claim client_id of its tokens
	Name   string
	Scopes []Scope // the most that its tokens may carry
	Reach  *retail.Reach
	Quota  Quota
	// Documents are the apps whose trusted documents it may ask; empty means any document.
	Documents []string
	DPoP      bool // its tokens must be bound to a key of its own (RFC 9449)
}

// Quota is how much of the gateway one client may use; zero leaves it to the class.
type Quota struct {
	CostPerMinute int // points of cost
	Burst         int // points at once
	InFlight      int // requests at the same time
}
