package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

const (
	proofType = "dpop+jwt"
	// proofWindow is how old a proof may be, proofAhead how far its clock may run before ours.
	proofWindow = 60 * time.Second
	proofAhead  = 30 * time.Second
	maxProofID  = 128
)

// ProofOptions configure Proofs.
type ProofOptions struct {
	// PublicURL is how clients address the gateway: scheme, host and, when a proxy takes it off, the start of the path. What a
	// request says of its host is not asked: whoever sends a proof writes that too.
	PublicURL string
	// Replays refuses what was used before.
	Replays Once
	Now     func() time.Time // nil means time.Now
}

// Proofs checks that whoever brings a bound token holds its key (RFC 9449, DPoP). A proof names the request and works once.
type Proofs struct {
	public  *url.URL
	replays Once
	now     func() time.Time
}

// NewProofs returns a checker of proofs.
func NewProofs(o ProofOptions) (*Proofs, error) {
	p := &Proofs{replays: o.Replays, now: o.Now}
	if o.Replays == nil {
		return nil, errors.New("auth: proofs need a memory of those that were used")
	}
	if p.now == nil {
		p.now = time.Now
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("auth: the public URL %q is none such as https://api.example", o.PublicURL)
	}
	p.public = u
	return p, nil
}

// proofError is about the key that a token is bound to.
type proofError struct{ err error }

func (e proofError) Error() string { return "proof of possession: " + e.err.Error() }
func (e proofError) Unwrap() error { return e.err }

// Challenges are the values of WWW-Authenticate for an error of Verify or Authenticate (RFC 6750 section 3, RFC 9449 section 7.1).
func Challenges(err error) []string {
	var proof proofError
	if errors.As(err, &proof) {
		return []string{`DPoP realm="portico", error="invalid_dpop_proof", algs="` + strings.Join(Algorithms(), " ") + `"`}
	}
	return []string{`Bearer realm="portico", error="invalid_token"`}
}

// boundTo is the thumbprint of the key that a token is bound to, empty when to none. A token that is bound in a way that is not
// known here is refused.
func boundTo(c object) (thumbprint string, err error) {
	if !c.has("cnf") {
		return "", nil
	}
	cnf, ok := c.object("cnf")
	thumbprint, isText := cnf.text("jkt")
	if raw, err := decodeSegment(thumbprint); !ok || !isText || len(cnf) != 1 || err != nil || len(raw) != sha256.Size {
		return "", errors.New("the token is bound to a key in a way that is not known")
	}
	return thumbprint, nil
}

// check refuses a request whose proof is not one of the holder of the key for this request and token, used for the first time.
func (p *Proofs) check(r *http.Request, token, thumbprint string) error {
	given := r.Header.Values("DPoP")
	if len(given) != 1 {
		return proofError{errors.New("not one proof")}
	}
	id, issued, err := p.read(r, given[0], token, thumbprint)
	if err != nil {
		return proofError{err}
	}
	digest := sha256.Sum256([]byte(thumbprint + "\x00" + id))
	left := issued.Add(proofWindow).Sub(p.now()) + time.Second
	first, err := p.replays.Once(r.Context(), base64.RawURLEncoding.EncodeToString(digest[:]), left)
	if err != nil {
		return &retail.Error{
			Code: retail.CodeUpstreamUnavailable, Retryable: true, Message: "it cannot be told whether the proof was used before", Err: err,
		}
	}
	if !first {
		return proofError{errors.New("the proof was used before")}
	}
	return nil
}

// read verifies everything about a proof but that it is new (RFC 9449 section 4.3).
func (p *Proofs) read(r *http.Request, proof, token, thumbprint string) (id string, issued time.Time, err error) {
	s, err := readSigned(proof)
	if err != nil {
		return "", issued, err
	}
	key, err := proofKey(s.header, thumbprint)
	if err != nil {
		return "", issued, err
	}
	if !key.verify(s.text, s.signature) {
		return "", issued, errors.New("the signature is not the key's")
	}
	id, ok := s.claims.name("jti")
	if !ok || len(id) > maxProofID {
		return "", issued, errors.New("the proof has no id")
	}
	if method, _ := s.claims.text("htm"); method != r.Method {
		return "", issued, errors.New("the proof is for another method")
	}
	if target, _ := s.claims.text("htu"); !p.targets(target, r) {
		return "", issued, errors.New("the proof is for another URL")
	}
	digest := sha256.Sum256([]byte(token))
	if ath, _ := s.claims.text("ath"); ath != base64.RawURLEncoding.EncodeToString(digest[:]) {
		return "", issued, errors.New("the proof is for another token")
	}
	iat, ok := s.claims.instant("iat")
	issued = time.Unix(iat, 0)
	if age := p.now().Sub(issued); !ok || age > proofWindow || age < -proofAhead {
		return "", issued, errors.New("the proof is not of now")
	}
	return id, issued, nil
}

// proofKey is the key in a proof's header, which must be the one that the token is bound to.
func proofKey(h object, thumbprint string) (*Key, error) {
	if h.has("crit", "b64", "zip", "enc", "cty", "jku", "x5u", "x5c") {
		return nil, errors.New("the header has parameters that are not accepted")
	}
	if typ, _ := h.text("typ"); typ != proofType {
		return nil, errors.New("this is no proof")
	}
	o, ok := h.object("jwk")
	if !ok {
		return nil, errors.New("the proof brings no key")
	}
	k, err := readJWK(o)
	switch {
	case err != nil:
		return nil, err
	case k.public == nil:
		return nil, errors.New("the kind of the key is not accepted")
	case k.thumbprint != thumbprint:
		return nil, errors.New("the token is bound to another key")
	}
	algorithm, _ := h.text("alg")
	key, ok := (&Key{Public: k.public}).under([]string{algorithm})
	if !ok || k.algorithm != "" && k.algorithm != algorithm {
		return nil, errors.New("the algorithm is not the key's")
	}
	return key, nil
}

// targets reports whether a proof's URL is that of the request: the public scheme and host in any case, the default port or none,
// the path exactly, and nothing besides (RFC 9449 section 4.2).
func (p *Proofs) targets(target string, r *http.Request) bool {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || u.ForceQuery {
		return false
	}
	path := strings.TrimSuffix(p.public.EscapedPath(), "/") + r.URL.EscapedPath()
	return strings.EqualFold(u.Scheme, p.public.Scheme) &&
		authority(u.Scheme, u.Host) == authority(p.public.Scheme, p.public.Host) && u.EscapedPath() == path
}

// authority is a host in lower case without the default port of its scheme.
func authority(scheme, host string) string {
	port := map[string]string{"https": ":443", "http": ":80"}[strings.ToLower(scheme)]
	return strings.TrimSuffix(strings.ToLower(host), port)
}
