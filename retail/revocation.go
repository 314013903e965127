package retail

import "time"

// Revocation takes back one token, or every token of a subject that was issued until an instant.
type Revocation struct {
	ID        int64 // its place in the list, growing in the order in which revocations can be read
	Issuer    string
	TokenID   string    // claim jti of one token; empty when it is about a subject
	Subject   string    // claim sub; empty when it is about one token
	Role      string    // of the subject; every role when empty
	Until     time.Time // of a subject: tokens that are issued later are accepted
	ExpiresAt time.Time // no token that it takes back is accepted any longer
}
