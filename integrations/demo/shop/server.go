// The shop's HTTP door. Emulated: the three chapters "Shop" of docs/wires.md with their faults.
// Not emulated: languages by header, rate limits, cancellation of web orders (only a shipment closes one), partial and split
// payment, a check that an ordered SKU or place exists, an archive (the last 50,000 carts, orders, payments and so on are
// remembered, of each), and restarts (everything is lost; positions start again).
// The admin and health endpoints need no key and know no faults.

package shop

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// maxBody bounds a request, in bytes.
const maxBody = 8 << 20

// Server is the shop. It is safe for concurrent use.
type Server struct {
	keySum    [sha256.Size]byte
	now       func() time.Time
	board     *faults.Board
	pace      Pace
	publicURL string
	agenda    *agenda
	events    *events

	mu          sync.Mutex
	catalog     *catalog
	orders      *memory[*order] // web orders, by number
	allocations allocations
	accounts    accounts
	messages    messages
	carts       carts
	sales       sales
	money       money
	deliveries  deliveries
	returns     returns
	privacy     privacy
	frozen      *frozenShop // nil while the data is live
}

// frozenShop is what readers see while the shop is stale, beside the frozen allocations.
type frozenShop struct {
	asOf    time.Time
	catalog *catalog
}

// New returns a shop with this catalog, these accounts and their orders.
func New(data Data, now func() time.Time, board *faults.Board) *Server {
	s := &Server{
		keySum: sha256.Sum256([]byte(data.APIKey)), now: now, board: board,
		pace: data.Pace, publicURL: data.PublicURL,
		agenda:      &agenda{woken: make(chan struct{}, 1)},
		events:      newEvents(now()),
		catalog:     newCatalog(data, now()),
		orders:      newMemory[*order](remembered),
		allocations: allocations{latest: map[pair]change{}},
		accounts:    newAccounts(data.Accounts),
		messages:    newMessages(),
		carts:       newCarts(remembered),
		sales:       newSales(data.Orders, remembered),
		money:       newMoney(),
		deliveries:  deliveries{known: newMemory[*delivery](remembered)},
		returns:     returns{known: newMemory[*parcel](remembered)},
		privacy:     newPrivacy(),
	}
	board.OnChange(func(state faults.State) { s.freeze(state.Stale) })
	return s
}

// freeze stops or resumes what readers see; orders and shipments are booked meanwhile.
func (s *Server) freeze(stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case stale && s.frozen == nil:
		s.frozen = &frozenShop{asOf: s.now(), catalog: s.catalog}
	case !stale:
		s.frozen = nil
	}
	s.allocations.freeze(stale)
}

// read returns what readers see now.
func (s *Server) read() (*catalog, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen != nil {
		return s.frozen.catalog, s.frozen.asOf
	}
	return s.catalog, s.now()
}

// handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *http.Request) error

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		writeError(w, err)
	}
}

// Handler serves /api/v1/, /admin/ and GET /healthz.
func (s *Server) Handler() http.Handler {
	api := http.NewServeMux()
	for pattern, handle := range map[string]handler{
		"GET /api/v1/products":                       s.listProducts,
		"GET /api/v1/categories":                     s.listCategories,
		"GET /api/v1/prices":                         s.listPrices,
		"GET /api/v1/allocations":                    s.feedAllocations,
		"POST /api/v1/allocations/lookup":            s.lookupAllocations,
		"POST /api/v1/orders":                        s.postOrders,
		"POST /api/v1/shipments":                     s.postShipments,
		"GET /api/v1/accounts":                       s.findAccounts,
		"POST /api/v1/accounts":                      s.postAccount,
		"GET /api/v1/accounts/{id}":                  s.getAccount,
		"PUT /api/v1/accounts/{id}":                  s.putAccount,
		"GET /api/v1/accounts/{id}/orders":           s.listOrders,
		"POST /api/v1/verifications":                 s.postVerification,
		"POST /api/v1/verifications/check":           s.checkVerification,
		"GET /api/v1/carts":                          s.findCart,
		"POST /api/v1/carts":                         s.postCart,
		"GET /api/v1/carts/{id}":                     s.getCart,
		"PUT /api/v1/carts/{id}":                     s.putCart,
		"POST /api/v1/carts/{id}/close":              s.closeCart,
		"PUT /api/v1/orders/{number}":                s.putSale,
		"POST /api/v1/orders/{number}/status":        s.postStatus,
		"GET /api/v1/payment-methods":                s.listPaymentMethods,
		"POST /api/v1/payments":                      s.postPayment,
		"GET /api/v1/payments/{reference}":           s.getPayment,
		"POST /api/v1/payments/{reference}/void":     s.voidPayment,
		"POST /api/v1/refunds":                       s.postRefund,
		"POST /api/v1/deliveries":                    s.postDelivery,
		"GET /api/v1/deliveries/{reference}":         s.getDelivery,
		"POST /api/v1/deliveries/{reference}/cancel": s.cancelDelivery,
		"POST /api/v1/returns":                       s.postReturn,
		"GET /api/v1/returns/{reference}":            s.getReturn,
		"POST /api/v1/privacy/export":                s.exportPerson,
		"POST /api/v1/privacy/correct":               s.correctPerson,
		"POST /api/v1/privacy/erase":                 s.erasePerson,
		"/":                                          notFound,
	} {
		api.Handle(pattern, handle)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.board.Middleware(busy)(s.authenticate(api)))
	mux.Handle("/admin/faults", faults.Admin(s.board))
	for pattern, handle := range map[string]handler{
		"GET /admin/messages":                        s.listMessages,
		"POST /admin/payments/{reference}/confirm":   s.confirmPayment,
		"POST /admin/payments/{reference}/decline":   s.declinePayment,
		"POST /admin/deliveries/{reference}/advance": s.advanceDelivery,
		"POST /admin/deliveries/{reference}/fail":    s.failDelivery,
		"POST /admin/returns/{reference}/receive":    s.receiveReturn,
	} {
		mux.Handle(pattern, handle)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return mux
}

// authenticate compares sums, so that the time taken tells neither the key nor its length.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.Header.Get("X-Api-Key")))
		if subtle.ConstantTimeCompare(sum[:], s.keySum[:]) != 1 {
			writeError(w, &apiError{http.StatusUnauthorized, "UNAUTHORIZED", "X-Api-Key is missing or wrong"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &apiError{http.StatusNotFound, "NOT_FOUND", "there is no such resource"}
}

func busy(w http.ResponseWriter, _ *http.Request) {
	writeError(w, &apiError{http.StatusServiceUnavailable, "BUSY", "try again later"})
}

// apiError is a refusal.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func conflict(format string, args ...any) error {
	return &apiError{http.StatusConflict, "CONFLICT", fmt.Sprintf(format, args...)}
}

// missing says that there is no such thing.
func missing(what, name string) error {
	return &apiError{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("there is no %s %.128q", what, name)}
}

func badRequest(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf(format, args...)}
}

func writeError(w http.ResponseWriter, err error) {
	e := &apiError{http.StatusInternalServerError, "INTERNAL", err.Error()}
	_ = errors.As(err, &e)
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	out, err := json.Marshal(map[string]body{"error": {e.code, e.message}})
	if err != nil { // strings always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	_, _ = w.Write(out)
}

// readJSON decodes a request body strictly.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the body")
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &apiError{http.StatusRequestEntityTooLarge, "TOO_LARGE", "the request is too large"}
	}
	return badRequest("unreadable JSON: %v", err)
}

func writeJSON(w http.ResponseWriter, body any) error {
	out, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("shop: write: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(out)
	return nil
}

// writeRead is writeJSON with an ETag of the whole answer.
func writeRead(w http.ResponseWriter, r *http.Request, body any) error {
	out, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("shop: write: %w", err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(out)
	if unchanged(w, r, fmt.Sprintf(`"r-%x"`, sum.Sum64())) {
		return nil
	}
	return writeJSON(w, json.RawMessage(out))
}

// under makes an answer while nobody changes anything; the lock is not held while it is sent.
func (s *Server) under(do func() (any, error)) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := do()
	if err != nil {
		return nil, err
	}
	return json.Marshal(body)
}

// answer writes what do makes under the lock.
func (s *Server) answer(w http.ResponseWriter, do func() (any, error)) error {
	body, err := s.under(do)
	if err != nil {
		return err
	}
	return writeJSON(w, body)
}

// answerRead is answer with an ETag.
func (s *Server) answerRead(w http.ResponseWriter, r *http.Request, do func() (any, error)) error {
	body, err := s.under(do)
	if err != nil {
		return err
	}
	return writeRead(w, r, body)
}

// unchanged sets the ETag and, when the client has that version already, answers 304.
func unchanged(w http.ResponseWriter, r *http.Request, etag string) bool {
	w.Header().Set("ETag", etag)
	for candidate := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(etag, "W/") {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}
