package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
)

func BenchmarkVerify(b *testing.B) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, private := range map[string]crypto.Signer{"ES256": ec, "EdDSA": ed, "RS256": rs} {
		key := mustKey(b, private)
		token, err := mustIssuer(b, key).Issue(auth.Principal{Role: auth.RoleMember, Subject: "m"}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/cold", func(b *testing.B) {
			later := now
			own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
			if err != nil {
				b.Fatal(err)
			}
			v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: func() time.Time { return later }}, own)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ { // two minutes on, then back: what is remembered is always too old or too young
				later = now.Add(time.Duration(i%2) * 2 * time.Minute)
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/cached", func(b *testing.B) {
			v := mustVerifier(b, key)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("garbage of 8 KiB", func(b *testing.B) {
		key := mustKey(b, ec)
		v, garbage := mustVerifier(b, key), strings.Repeat("x", 8<<10)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), garbage); err == nil {
				b.Fatal("garbage is accepted")
			}
		}
	})
}
