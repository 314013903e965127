package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// maxSetKeys bounds the keys of one set.
const maxSetKeys = 64

// jwk is a public JSON Web Key (RFC 7517).
type jwk struct {
	id         string // empty when it has none
	algorithm  string // empty when it names none
	signs      bool   // meant for signatures
	public     crypto.PublicKey
	thumbprint string // SHA-256 (RFC 7638)
}

var errPrivate = errors.New("a private or shared key lies open")

// readJWK reads a key. A key of a kind that is not known here has no public key; one that holds a secret is an error, because
// whoever reads it could sign.
func readJWK(o object) (k jwk, err error) {
	if o.has("d", "p", "q", "dp", "dq", "qi", "oth", "k") {
		return k, errPrivate
	}
	k.id, _ = o.name("kid")
	k.algorithm, _ = o.text("alg")
	k.signs = forSignatures(o)
	kind, _ := o.text("kty")
	var canonical string
	switch kind {
	case "EC":
		k.public, canonical, err = readEC(o)
	case "RSA":
		k.public, canonical, err = readRSA(o)
	case "OKP":
		k.public, canonical, err = readOKP(o)
	case "oct":
		return k, errPrivate
	case "":
		return k, errors.New("a key has no kind")
	}
	digest := sha256.Sum256([]byte(canonical))
	k.thumbprint = base64.RawURLEncoding.EncodeToString(digest[:])
	return k, err
}

// forSignatures reads use and key_ops (RFC 7517 sections 4.2 and 4.3); a key without either may do everything.
func forSignatures(o object) bool {
	if o.has("use") {
		if use, _ := o.text("use"); use != "sig" {
			return false
		}
	}
	operations, given := o.get("key_ops")
	list, ok := textsOf(operations)
	return !given || ok && slices.Contains(list, "verify")
}

// bytes are those of a member in base64url.
func (o object) bytes(name string) []byte {
	text, _ := o.text(name)
	raw, err := decodeSegment(text)
	if err != nil {
		return nil
	}
	return raw
}

func readEC(o object) (crypto.PublicKey, string, error) {
	name, _ := o.text("crv")
	var curve elliptic.Curve
	switch name {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	default:
		return nil, "", nil
	}
	x, y, size := o.bytes("x"), o.bytes("y"), (curve.Params().BitSize+7)/8
	if len(x) != size || len(y) != size {
		return nil, "", errors.New("the point of a key has another length than its curve")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, "", errors.New("the point of a key is not on its curve")
	}
	enc := base64.RawURLEncoding
	return public, fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, name, enc.EncodeToString(x), enc.EncodeToString(y)), nil
}

func readRSA(o object) (crypto.PublicKey, string, error) {
	n, e := o.bytes("n"), o.bytes("e")
	if len(n) == 0 || n[0] == 0 || len(n) > maxRSABits/8 || len(e) == 0 || e[0] == 0 || len(e) > 4 {
		return nil, "", errors.New("the numbers of an RSA key are malformed")
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	if exponent > 1<<31-1 {
		return nil, "", errors.New("the exponent of an RSA key is too large")
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}
	enc := base64.RawURLEncoding
	return public, fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, enc.EncodeToString(e), enc.EncodeToString(n)), nil
}

func readOKP(o object) (crypto.PublicKey, string, error) {
	if name, _ := o.text("crv"); name != "Ed25519" {
		return nil, "", nil
	}
	x := o.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		return nil, "", errors.New("an Ed25519 key has another length")
	}
	return ed25519.PublicKey(x), fmt.Sprintf(`{"crv":"Ed25519","kty":"OKP","x":%q}`, base64.RawURLEncoding.EncodeToString(x)), nil
}

// readKeySet reads the keys of a set (RFC 7517 section 5) that verify signatures under one of the algorithms. Keys for other
// uses, without an id or too weak are passed over. A set that gives away a secret, repeats an id, is malformed or leaves no key
// is an error.
func readKeySet(raw []byte, algorithms []string) (map[string]*Key, error) {
	o, err := readObject(raw)
	if err != nil {
		return nil, errors.New("the key set is no JSON object")
	}
	value, _ := o.get("keys")
	var list []json.RawMessage
	if len(value) == 0 || value[0] != '[' || json.Unmarshal(value, &list) != nil {
		return nil, errors.New("the key set has no list of keys")
	}
	if len(list) > maxSetKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxSetKeys)
	}
	keys := make(map[string]*Key, len(list))
	for _, raw := range list {
		inner, err := readObject(raw)
		if err != nil {
			return nil, errors.New("a key of the set is no JSON object")
		}
		k, err := readJWK(inner)
		if err != nil {
			return nil, err
		}
		key := k.usable(algorithms)
		if key == nil {
			continue
		}
		if keys[key.ID] != nil {
			return nil, errors.New("the key set repeats the id of a key")
		}
		keys[key.ID] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key that could be used")
	}
	return keys, nil
}

// usable is the key under one of the algorithms, nil when it is not for this.
func (k *jwk) usable(algorithms []string) *Key {
	if !k.signs || k.public == nil || k.id == "" {
		return nil
	}
	if k.algorithm != "" {
		if !slices.Contains(algorithms, k.algorithm) {
			return nil
		}
		algorithms = []string{k.algorithm}
	}
	key := &Key{ID: k.id, Public: k.public}
	fixed, ok := key.under(algorithms)
	if !ok {
		return nil
	}
	return fixed
}
