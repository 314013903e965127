package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Key is an asymmetric key that tokens are signed with. Its algorithm is fixed by its kind, never by a token.
type Key struct {
	ID        string           // key id, a digest of the public key
	Algorithm string           // one of Algorithms
	Public    crypto.PublicKey // what Verifier needs
	private   crypto.Signer    // nil for a key that only verifies
}

// NewKey returns the key of a public key: ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits. A crypto.Signer of
// one of these makes a key that signs too.
func NewKey(material any) (*Key, error) {
	private, _ := material.(crypto.Signer)
	public := crypto.PublicKey(material)
	if private != nil {
		public = private.Public()
	}
	k := &Key{Public: public, private: private}
	able, err := algorithmsOf(public)
	if err != nil {
		return nil, err
	}
	k.Algorithm = able[0]
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("auth: encode public key: %w", err)
	}
	digest := sha256.Sum256(der)
	k.ID = base64.RawURLEncoding.EncodeToString(digest[:12])
	return k, nil
}

// keyFile is the signing key's file name.
const keyFile = "token-key.pem"

// LoadOrCreateKey returns the signing key kept in dir (PEM, PKCS #8, readable by its owner only) and makes one, with its
// directory, when there is none. Processes that start together end up with the same key.
func LoadOrCreateKey(dir string) (*Key, error) {
	path := filepath.Join(dir, keyFile)
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("auth: key directory: %w", err)
	}
	if err := createKey(dir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("auth: create key: %w", err)
	}
	return loadKey(path) // whoever was first
}

func loadKey(path string) (*Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("auth: read key: %w", err)
	}
	key, err := ParseKey(text)
	if err == nil && key.private == nil {
		err = errors.New("auth: the file holds a public key, which cannot sign")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// ParseKey reads a key from PEM: a PUBLIC KEY, or a PRIVATE KEY in PKCS #8.
func ParseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("auth: no PEM block")
	}
	parse := x509.ParsePKCS8PrivateKey
	switch block.Type {
	case "PRIVATE KEY":
	case "PUBLIC KEY":
		parse = x509.ParsePKIXPublicKey
	default:
		return nil, fmt.Errorf("auth: a PEM block %q is neither a PUBLIC KEY nor a PRIVATE KEY", block.Type)
	}
	material, err := parse(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("auth: key: %w", err)
	}
	return NewKey(material)
}

// createKey writes a new key under a temporary name and links it to path, which fails when path exists: no reader ever
// sees half a key and no key replaces another.
func createKey(dir, path string) (err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, keyFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	err = pem.Encode(temp, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Link(temp.Name(), path)
}
