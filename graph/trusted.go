package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// Codes of requests whose document is not served as it was named.
const (
	CodeDocumentNotTrusted retail.Code = "DOCUMENT_NOT_TRUSTED" // only documents of a manifest are served to this caller
	CodeDocumentNotFound   retail.Code = "DOCUMENT_NOT_FOUND"   // no manifest has this id

	// What Apollo's clients wait for before they send the text with its hash, or never again the hash alone.
	CodePersistedQueryNotFound     retail.Code = "PERSISTED_QUERY_NOT_FOUND"
	CodePersistedQueryNotSupported retail.Code = "PERSISTED_QUERY_NOT_SUPPORTED"
)

// Trust says which documents a class of callers may ask.
type Trust string

// Trusts. A class that none is set for has TrustOff.
const (
	TrustOff     Trust = "off"     // any document
	TrustLog     Trust = "log"     // any document; one that is of no manifest is counted and logged
	TrustEnforce Trust = "enforce" // documents of the manifests only
)

// Registration says who may register documents by the hash of their text, as Apollo's automatic persisted queries do.
type Registration string

// Registrations.
const (
	RegisterOff   Registration = "off"
	RegisterKnown Registration = "known" // callers with a session
	RegisterAll   Registration = "all"
)

// DocumentOptions say which documents a handler serves to whom. The zero value serves any document to anybody.
type DocumentOptions struct {
	// Manifests holds one file <app>.json for each client app; nil when there are none.
	Manifests     fs.FS
	Trust         map[auth.Class]Trust
	Register      Registration // empty means RegisterOff
	RegisterBytes uint64       // of registered texts; zero means 16 MiB
}

// Validate reports options that cannot work.
func (o *DocumentOptions) Validate() error {
	for class, trust := range o.Trust {
		switch {
		case !slices.Contains(auth.Classes(), class):
			return fmt.Errorf("graph: documents: there is no class %q", class)
		case trust != TrustOff && trust != TrustLog && trust != TrustEnforce:
			return fmt.Errorf("graph: documents: trust of %s is %q, not off, log or enforce", class, trust)
		case trust != TrustOff && o.Manifests == nil:
			return fmt.Errorf("graph: documents: trust of %s is %s, and there are no manifests", class, trust)
		}
	}
	switch o.Register {
	case "", RegisterOff, RegisterKnown, RegisterAll:
		return nil
	}
	return fmt.Errorf("graph: documents: registration is %q, not off, known or all", o.Register)
}

// trusted is a document of one or more manifests, compiled.
type trusted struct {
	id   string // the first one it was seen under
	text string
	apps []string
	doc  *document
}

// open reports whether p may ask the document: a partner that is bound to apps asks theirs only.
func (t *trusted) open(p auth.Principal) bool {
	return !bound(p) || slices.ContainsFunc(t.apps, func(app string) bool { return slices.Contains(p.Partner.Documents, app) })
}

// bound reports whether p may ask the documents of some apps only.
func bound(p auth.Principal) bool { return p.Partner != nil && len(p.Partner.Documents) > 0 }

// trustedSet is the documents of all manifests. It is immutable: changed manifests make another one.
type trustedSet struct {
	ids    map[string]*trusted
	hashes map[string]*trusted // by hashOf
	texts  map[string]*trusted
}

// asked is the document that a request asks, found without reading it.
type asked struct {
	text string
	id   string    // of a trusted document; empty for any other
	doc  *document // nil as long as it is not compiled
	free bool      // a document of no manifest, by a caller for whom that is to be noticed
	hash string    // to register the text under, once the document is sound; empty when not to
}

// lookup finds the document that a request asks, if the caller may ask it. It parses and compiles nothing, so that it can
// be called before a slot is taken. What is refused in TrustEnforce is refused alike, whatever it names.
func (d *documents) lookup(ctx context.Context, req *request) (*asked, *refusal) {
	p := auth.PrincipalOf(ctx)
	trust := d.trust[p.Class()]
	if bound(p) {
		trust = TrustEnforce
	}
	if t := d.library.current.Load().find(req); t != nil && t.open(p) {
		return &asked{text: t.text, id: t.id, doc: t.doc}, nil
	}
	switch {
	case trust == TrustEnforce:
		return nil, refuse(http.StatusForbidden, newError(CodeDocumentNotTrusted, "this caller may ask trusted documents only"))
	case req.documentID != "":
		return nil, refuse(http.StatusNotFound, newError(CodeDocumentNotFound, "no document has this id"))
	}
	a := &asked{text: req.query, free: trust == TrustLog}
	registers := d.registers(p)
	switch {
	case req.query == "":
		var found bool
		if a.text, found = d.registered.get(req.hash); !found {
			return nil, notRegistered(registers)
		}
	case registers:
		a.hash = req.hash
	}
	a.doc, _ = d.cache.GetIfPresent(a.text)
	return a, nil
}

// find returns the trusted document that a request names, by whatever name; nil when there is none.
func (s *trustedSet) find(req *request) *trusted {
	switch {
	case s == nil:
		return nil
	case req.query != "":
		return s.texts[req.query]
	case req.documentID != "":
		return s.named(req.documentID)
	}
	return s.named(req.hash)
}

// named finds a document by its id, or by the hash of its text, with or without the prefix of the draft of persisted
// documents (GraphQL over HTTP, appendix A).
func (s *trustedSet) named(id string) *trusted {
	if t := s.ids[id]; t != nil {
		return t
	}
	const prefix = "sha256:"
	if len(id) == len(prefix)+hashLength && id[:len(prefix)] == prefix {
		id = id[len(prefix):]
	}
	return s.hashes[id]
}

// load compiles what lookup has found, if nobody did so before, and registers it when that is wanted and it is sound.
// It reports whether the document was compiled already.
func (d *documents) load(ctx context.Context, a *asked) (doc *document, cached bool, no *refusal) {
	doc, cached = a.doc, a.doc != nil
	if doc == nil {
		if doc, cached, no = d.get(ctx, a.text); no != nil {
			return nil, false, no
		}
	}
	if a.hash != "" {
		d.registered.put(ownerOf(ctx), a.hash, a.text)
	}
	return doc, cached, nil
}

const hashLength = 2 * sha256.Size

// hashOf is the lower-case hexadecimal SHA-256 of a text.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// validDocumentID reports whether id is 1 to 128 visible ASCII characters.
func validDocumentID(id string) bool {
	const most = 128
	if id == "" || len(id) > most {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
