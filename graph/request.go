package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/portico-retail/portico/auth"
)

// request is what a client asks for: the document as a text, by its id in a manifest, or by the hash of its text.
type request struct {
	query      string
	documentID string // of a trusted document; then there is no query
	hash       string // extensions.persistedQuery.sha256Hash; with a query it is the query's, in lower case
	operation  string
	variables  map[string]any
}

// preflightHeaders are headers that a browser sends across sites only after asking (CORS preflight); a GET carries one,
// so that no foreign page can make a visitor's browser ask.
var preflightHeaders = [...]string{"GraphQL-Require-Preflight", "X-Apollo-Operation-Name", "Apollo-Require-Preflight"}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readRequest reads the GraphQL request in r and tells how many bytes it took, refused or not.
func (h *Handler) readRequest(w http.ResponseWriter, r *http.Request) (req *request, bytes int, no *refusal) {
	limits := h.classes.limits(r.Context())
	switch r.Method {
	case http.MethodPost:
		p := auth.PrincipalOf(r.Context())
		b := h.reading.open(http.MaxBytesReader(w, r.Body, int64(limits.BodyBytes)), readerOf(r.Context(), p), !p.Known() || isGuest(p))
		defer b.close()
		req, no = readPost(r, b, limits)
		return req, b.bytes, no
	case http.MethodGet:
		req, no = readGet(r, limits)
		return req, len(r.URL.RawQuery), no
	}
	no = badRequest(http.StatusMethodNotAllowed, "send GraphQL with POST, queries also with GET")
	no.allow = "GET, POST"
	return nil, 0, no
}

func readPost(r *http.Request, from io.Reader, limits *Limits) (*request, *refusal) {
	if !jsonContent(r.Header.Get("Content-Type")) {
		return nil, badRequest(http.StatusUnsupportedMediaType, "the content type must be application/json in UTF-8")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, badRequest(http.StatusUnsupportedMediaType, "content encodings are not accepted")
	}
	tooLarge := func() *refusal {
		no := overLimit("bodyBytes", limits.BodyBytes)
		no.status, no.understood = http.StatusRequestEntityTooLarge, false
		return no
	}
	if r.ContentLength > int64(limits.BodyBytes) {
		return nil, tooLarge()
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(from); err != nil {
		if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
			return nil, tooLarge()
		}
		if errors.Is(err, errNoRoom) {
			return nil, overloaded()
		}
		return nil, badRequest(http.StatusBadRequest, "the body could not be read")
	}
	return decodeRequest(body.Bytes(), limits)
}

// jsonContent reports whether a Content-Type is JSON in UTF-8.
func jsonContent(value string) bool {
	switch value {
	case "application/json", "application/json; charset=utf-8":
		return true
	}
	media, params, err := mime.ParseMediaType(value)
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// decodeRequest decodes the JSON body of a POST.
func decodeRequest(body []byte, limits *Limits) (*request, *refusal) {
	if !utf8.Valid(body) {
		return nil, badRequest(http.StatusBadRequest, "the body is not UTF-8")
	}
	r := &jsonReader{data: body, maxDepth: limits.ValueDepth + 2, maxItems: limits.ListItems} // two objects are around a variable
	req := &request{}
	var seen []string // five keys at most, each once
	err := r.object(func(key string) error {
		if slices.Contains(seen, key) {
			return errJSONKey
		}
		seen = append(seen, key)
		return req.read(r, key)
	})
	if err == nil && !r.end() {
		err = errJSON
	}
	if err != nil {
		return nil, jsonRefusal("the body is not one GraphQL request: ", err, limits)
	}
	return req, req.check()
}

// jsonRefusal refuses JSON that the reader refused.
func jsonRefusal(prefix string, err error, limits *Limits) *refusal {
	var no *refusal
	switch {
	case errors.Is(err, errJSONDepth):
		no = overLimit("valueDepth", limits.ValueDepth)
	case errors.Is(err, errJSONItems):
		no = overLimit("listItems", limits.ListItems)
	default:
		return badRequest(http.StatusBadRequest, prefix+err.Error())
	}
	no.understood = false
	return no
}

var errUnknownKey = errors.New("the JSON has a key other than query, documentId, operationName, variables and extensions")

// read reads the value of one of the request's keys.
func (q *request) read(r *jsonReader, key string) (err error) {
	switch key {
	case "query", "documentId", "operationName":
		if r.null() {
			return nil
		}
		if r.peek() != '"' {
			return errJSONType
		}
		switch key {
		case "query":
			q.query, err = r.text()
		case "documentId":
			q.documentID, err = r.text()
		default:
			q.operation, err = r.text()
		}
		return err
	case "variables", "extensions":
		if r.null() {
			return nil
		}
		if r.peek() != '{' {
			return errJSONType
		}
		m, err := r.mapping()
		if err != nil {
			return err
		}
		if key == "variables" {
			q.variables = m
			return nil
		}
		return q.persisted(m)
	}
	return errUnknownKey
}

var errPersisted = errors.New(`extensions.persistedQuery must be {"version": 1, "sha256Hash": …}`)

// persisted reads what Apollo's clients put into the extensions to name a document by its hash.
func (q *request) persisted(extensions map[string]any) error {
	given, ok := extensions["persistedQuery"]
	if !ok || given == nil {
		return nil
	}
	m, _ := given.(map[string]any)
	version, _ := m["version"].(json.Number)
	if q.hash, _ = m["sha256Hash"].(string); version != "1" || !validDocumentID(q.hash) {
		return errPersisted
	}
	return nil
}

// check refuses a request that names no document, or several.
func (q *request) check() *refusal {
	switch {
	case q.query == "" && q.documentID == "" && q.hash == "":
		return badRequest(http.StatusBadRequest, "the request has no query")
	case q.documentID != "" && (q.query != "" || q.hash != ""):
		return badRequest(http.StatusBadRequest, "the request names its document twice: send documentId alone")
	case q.documentID != "" && !validDocumentID(q.documentID):
		return badRequest(http.StatusBadRequest, "documentId must be 1 to 128 visible ASCII characters")
	case q.query != "" && q.hash != "":
		if q.hash = strings.ToLower(q.hash); q.hash != hashOf(q.query) {
			return badRequest(http.StatusBadRequest, "sha256Hash is not the hash of the query")
		}
	}
	return nil
}

// readGet reads a query from the URL.
func readGet(r *http.Request, limits *Limits) (*request, *refusal) {
	if len(r.URL.RawQuery) > limits.BodyBytes {
		no := overLimit("bodyBytes", limits.BodyBytes)
		no.status, no.understood = http.StatusRequestURITooLong, false
		return nil, no
	}
	params, err := url.ParseQuery(r.URL.RawQuery)
	asked := params.Get("documentId") != ""
	for _, name := range preflightHeaders {
		asked = asked || r.Header.Get(name) != ""
	}
	if !asked {
		return nil, badRequest(http.StatusForbidden, "a GET needs the header GraphQL-Require-Preflight, against forged requests of other sites")
	}
	if err != nil {
		return nil, badRequest(http.StatusBadRequest, "the URL's parameters are malformed")
	}
	req := &request{}
	for key, values := range params {
		if len(values) != 1 || !utf8.ValidString(values[0]) {
			return nil, badRequest(http.StatusBadRequest, "the URL repeats a parameter or is not UTF-8")
		}
		if no := req.readParam(key, values[0], limits); no != nil {
			return nil, no
		}
	}
	return req, req.check()
}

func (q *request) readParam(key, value string, limits *Limits) *refusal {
	switch key {
	case "query":
		q.query = value
	case "documentId":
		q.documentID = value
	case "operationName":
		q.operation = value
	case "variables", "extensions":
		r := &jsonReader{data: []byte(value), maxDepth: limits.ValueDepth + 1, maxItems: limits.ListItems}
		err := q.read(r, key)
		if err == nil && !r.end() {
			err = errJSON
		}
		if err != nil {
			return jsonRefusal("a parameter is no JSON object: ", err, limits)
		}
	default:
		return badRequest(http.StatusBadRequest, "the URL has a parameter other than query, documentId, operationName, variables and extensions")
	}
	return nil
}
