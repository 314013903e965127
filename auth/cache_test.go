package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
)

// ring is a key that somebody may withdraw, and counts who asks for it.
type ring struct {
	key   *auth.Key
	asked int
}

func (r *ring) Key(context.Context, string) (*auth.Key, error) {
	r.asked++
	return r.key, nil
}

func TestAVerifiedTokenIsRememberedForAMinuteAtMost(t *testing.T) {
	w, c := newWorld(t), newTimer()
	keys := &ring{key: named(t, &w.members.PublicKey, "1")}
	config := auth.DefaultTokenConfig()
	config.Issuer = membersName
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: c.Now}, auth.TrustedIssuer{
		TokenConfig: config, Algorithms: []string{"ES256"}, Roles: []auth.Role{auth.RoleMember}, Types: []string{"at+jwt"}, Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted := func(token string) bool {
		_, err := v.Verify(t.Context(), token)
		return err == nil
	}
	issued := func(life time.Duration) string {
		return w.signedBy(t, w.members, "1", w.member(change{"iat": c.Now().Unix(), "exp": c.Now().Add(life).Unix()}))
	}

	token := issued(time.Hour)
	for range 10 {
		if !accepted(token) {
			t.Fatal("a sound token is refused")
		}
	}
	if keys.asked != 1 {
		t.Errorf("ten questions verified the token %d times", keys.asked)
	}
	known := keys.key
	keys.key = nil
	c.pass(time.Minute - time.Second)
	if !accepted(token) {
		t.Error("within the minute it is verified again")
	}
	c.pass(time.Second)
	if accepted(token) {
		t.Error("a minute after the key was withdrawn the token is accepted")
	}

	keys.key = known
	short := issued(20 * time.Second)
	if !accepted(short) {
		t.Fatal("a token of twenty seconds is refused")
	}
	c.pass(49 * time.Second) // within the leeway
	if before := keys.asked; !accepted(short) || keys.asked == before {
		t.Error("after its expiry it is refused within the leeway, or not verified again")
	}
	c.pass(2 * time.Second)
	if accepted(short) {
		t.Error("a token is remembered past its expiry")
	}

	long := issued(time.Hour)
	c.pass(20 * time.Minute)
	if !accepted(long) {
		t.Fatal("a sound token is refused")
	}
	c.pass(-10 * time.Minute) // a clock that is set back must not make it good for ever
	keys.key = nil
	if accepted(long) {
		t.Error("what was remembered in the future counts")
	}
}
