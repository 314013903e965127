package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithms are the signature algorithms that can be accepted (RFC 7518 section 3.1, RFC 8037), all of them asymmetric.
func Algorithms() []string { return []string{"ES256", "ES384", "EdDSA", "PS256", "RS256"} }

const (
	minRSABits = 2048
	maxRSABits = 8192 // beyond, verifying takes too long
	minRSAE    = 65537
)

// algorithmsOf are the algorithms of a public key's kind, the usual one first.
func algorithmsOf(public crypto.PublicKey) ([]string, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}, nil
		case elliptic.P384():
			return []string{"ES384"}, nil
		}
		return nil, errors.New("auth: an ECDSA key must be on P-256 or P-384")
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	case *rsa.PublicKey:
		switch bits := public.N.BitLen(); {
		case bits < minRSABits || bits > maxRSABits:
			return nil, fmt.Errorf("auth: an RSA key must have %d to %d bits", minRSABits, maxRSABits)
		case public.E < minRSAE || public.E%2 == 0 || public.N.Bit(0) == 0:
			return nil, errors.New("auth: an RSA key must be odd, with an exponent of at least 65537")
		}
		return []string{"RS256", "PS256"}, nil
	}
	return nil, fmt.Errorf("auth: keys of type %T are not accepted", public)
}

// under returns the key for the first of the allowed algorithms that its kind can; ok is false when there is none. A key is
// used with one algorithm only (RFC 8725 section 3.2).
func (k *Key) under(allowed []string) (fixed *Key, ok bool) {
	able, err := algorithmsOf(k.Public)
	if err != nil {
		return nil, false
	}
	for _, algorithm := range allowed {
		if slices.Contains(able, algorithm) {
			other := *k
			other.Algorithm = algorithm
			return &other, true
		}
	}
	return nil, false
}

// verify reports whether the signature is the key's, by its own algorithm.
func (k *Key) verify(text string, signature []byte) bool {
	method := jwt.GetSigningMethod(k.Algorithm)
	return method != nil && method.Verify(text, signature, k.Public) == nil
}
