package privacy

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/portico-retail/portico/retail"
)

// Seal keeps texts from whoever reads where they are stored: AES-256-GCM (NIST SP 800-38D) with a fresh nonce each, bound to
// what the text is, so that one cannot be put in another's place.
type Seal struct{ aead cipher.AEAD }

// SealKeySize is the bytes of a key.
const SealKeySize = 32

// NewSeal returns a seal under a key of SealKeySize bytes.
func NewSeal(key []byte) (*Seal, error) {
	if len(key) != SealKeySize {
		return nil, fmt.Errorf("privacy: a key has %d bytes, not %d", SealKeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("privacy: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("privacy: %w", err)
	}
	return &Seal{aead: aead}, nil
}

// ParseSealKey reads a key as a file has it: 64 hexadecimal digits, white space around them.
func ParseSealKey(text []byte) ([]byte, error) {
	key := make([]byte, SealKeySize)
	text = bytes.TrimSpace(text)
	if n, err := hex.Decode(key, text[:min(len(text), 2*SealKeySize)]); err != nil || n != SealKeySize || len(text) != 2*SealKeySize {
		return nil, errors.New("privacy: a key is 64 hexadecimal digits")
	}
	return key, nil
}

// NewSealKey draws a key and returns it as ParseSealKey reads it.
func NewSealKey() []byte {
	key := make([]byte, SealKeySize)
	_, _ = rand.Read(key) // never fails
	return []byte(hex.EncodeToString(key) + "\n")
}

// Close seals a text as what it is.
func (s *Seal) Close(what string, text []byte) ([]byte, error) {
	if s == nil {
		return nil, retail.Errorf(retail.CodeInternal, "there is no key to seal copies with")
	}
	return s.aead.Seal(nil, nil, text, []byte(what)), nil //nolint:gosec // G407: this AEAD draws its nonces itself
}

// Open opens what Close sealed as the same thing under the same key.
func (s *Seal) Open(what string, sealed []byte) ([]byte, error) {
	if s == nil {
		return nil, retail.Errorf(retail.CodeInternal, "there is no key to open copies with")
	}
	text, err := s.aead.Open(nil, nil, sealed, []byte(what))
	if err != nil {
		return nil, &retail.Error{Code: retail.CodeInternal, Message: "a copy cannot be opened", Err: err}
	}
	return text, nil
}

func documentOf(id string) string { return "document " + id }

func sectionOf(id string, holder retail.DataHolder) string {
	return "section " + id + " " + string(holder)
}
