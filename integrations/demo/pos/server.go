// The head office's service. Emulated: the whole of "POS: XML over HTTP" in docs/wires.md with its faults, uploads that
// are idempotent by reference for at least the last Data.Keep transactions of a place, and a log bounded to as many.
// Not emulated: single tills (a place has one lane), users and signatures, restarts (everything is lost), an archive (tasks,
// hand-overs and cards stay in memory), and a check that a SKU or a price exists: what a till reports is true. While the
// office is stale, writes of the gateway are booked and their replies true; inquiries show them afterwards; cards are
// always shown as they are. The admin and health endpoints know no faults.

package pos

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// maxBody bounds a request, in bytes.
const maxBody = 8 << 20

// Server is the head office. It is safe for concurrent use.
type Server struct {
	currency string
	now      func() time.Time
	board    *faults.Board

	mu     sync.Mutex
	lanes  map[string]*lane
	prices map[string]string
	frozen *frozenOffice // nil while the data is live
	turn   int           // counts LogReads, so that each serves another lane first

	book     taskBook
	bookings map[string]*booking // by kind and reference
	receipts map[string]*receipt // by number
	cards    map[string]*card    // by number
	issued   map[string]*card    // by reference
	nextCard int

	acts   map[string]act  // about people's own data, by reference
	barred map[string]bool // references under which no card is issued any more

	told      []TillPoints // for the ERP, oldest first
	forgotten int          // points that were told long ago
}

// frozenOffice is what the head office shows while it is stale, beside its frozen lanes.
type frozenOffice struct {
	asOf   time.Time
	prices map[string]string
	change uint64 // last change of a task that is shown
}

// New returns a head office with empty tills that reported just now.
func New(data Data, now func() time.Time, board *faults.Board) *Server {
	keep := data.Keep
	if keep <= 0 {
		keep = DefaultKeep
	}
	s := &Server{
		currency: data.Currency, now: now, board: board,
		lanes:    make(map[string]*lane, len(data.Locations)),
		prices:   maps.Clone(data.Prices),
		book:     taskBook{tasks: map[string]task{}, takers: map[string]taker{}, barred: map[string]bool{}},
		bookings: map[string]*booking{}, receipts: map[string]*receipt{},
		cards: make(map[string]*card, len(data.Cards)), issued: map[string]*card{},
		acts: map[string]act{}, barred: map[string]bool{},
	}
	for _, c := range data.Cards {
		s.cards[c.Number] = newCard(c)
	}
	if s.prices == nil {
		s.prices = map[string]string{}
	}
	for _, location := range data.Locations {
		s.lanes[location] = newLane(location, keep, now())
	}
	board.OnChange(func(state faults.State) { s.freeze(state.Stale) })
	return s
}

// freeze stops or resumes what the head office shows; the tills go on selling meanwhile.
func (s *Server) freeze(stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case stale && s.frozen == nil:
		s.frozen = &frozenOffice{asOf: s.now(), prices: maps.Clone(s.prices), change: s.book.last}
	case !stale:
		s.frozen = nil
	}
	for _, l := range s.lanes {
		l.freeze(stale || l.silenced)
	}
}

// asOf is the date of what the head office shows.
func (s *Server) asOf() time.Time {
	if s.frozen != nil {
		return s.frozen.asOf
	}
	return s.now()
}

// Handler serves POST /pos/service, GET and PUT /admin/faults, and GET /healthz.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /pos/service", s.board.Middleware(s.serveBusy)(http.HandlerFunc(s.serve)))
	mux.Handle("/admin/faults", faults.Admin(s.board))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	return mux
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !isXML(r.Header.Get("Content-Type")) {
		http.Error(w, "the request must be application/xml in UTF-8", http.StatusUnsupportedMediaType)
		return
	}
	req, err := decode(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		return
	}
	out := appendEnvelope(nil, req.messageID, s.now())
	if err == nil {
		var answered []byte
		if answered, err = s.answer(out, req.body); err == nil {
			out = answered
		}
	}
	if err != nil {
		out = appendFault(out, err)
	}
	writeXML(w, appendEnvelopeEnd(out))
}

// serveBusy is the fault that the switchboard's error rate asks for.
func (s *Server) serveBusy(w http.ResponseWriter, _ *http.Request) {
	out := appendFault(appendEnvelope(nil, "", s.now()), &fault{code: "BUSY", text: "try again later", retryable: true})
	writeXML(w, appendEnvelopeEnd(out))
}

func isXML(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	charset := params["charset"]
	return err == nil && kind == "application/xml" && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

func writeXML(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	_, _ = w.Write(body)
}

// answer appends the reply to one request, or returns a fault.
func (s *Server) answer(out []byte, body any) ([]byte, error) {
	switch req := body.(type) {
	case stockInquiry:
		return s.inquireStock(out, req)
	case counterSnapshot:
		return s.snapshot(out, req)
	case logRead:
		return s.readLog(out, req)
	case laneList:
		return s.listLanes(out), nil
	case priceInquiry:
		return s.inquirePrices(out, req), nil
	case transactionUpload:
		return s.upload(out, req)
	}
	return s.answerPurchase(out, body)
}

// answerPurchase appends the reply to a request of a purchase.
func (s *Server) answerPurchase(out []byte, body any) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch req := body.(type) {
	case taskCreate:
		return s.createTask(out, req)
	case taskInquiry:
		return s.inquireTask(out, req)
	case taskCancel:
		return s.cancelTask(out, req)
	case taskChanges:
		return s.listChanges(out, req)
	case taskUpdate:
		return s.updateTask(out, req)
	case goods:
		return s.bookGoods(out, req)
	case receiptList:
		return s.listReceipts(out, req)
	case receiptInquiry:
		return s.inquireReceipt(out, req)
	case cardInquiry:
		return s.inquireCard(out, req)
	case cardSearch:
		return s.searchCards(out, req), nil
	case cardIssue:
		return s.issueCard(out, req)
	case inquiry:
		return s.answerInquiry(out, req)
	case cardUpdate:
		return s.updateCard(out, req)
	case cardPin:
		return s.checkPIN(out, req)
	case cardPoints:
		return s.listPoints(out, req)
	}
	return nil, fmt.Errorf("pos: no answer to %T", body)
}

func (s *Server) inquireStock(out []byte, req stockInquiry) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out = appendTime(append(out, `<StockInquiryReply asOf="`...), s.asOf())
	out = append(out, `">`...)
	beats := map[string]heartbeat{}
	for _, pair := range req.pairs {
		l, err := s.lane(pair.location)
		if err != nil {
			return nil, err
		}
		c := l.counter(pair.sku)
		c.sku = pair.sku
		out = appendCounter(out, pair.location, c)
		beats[pair.location] = l.heartbeat()
	}
	for _, location := range slices.Sorted(maps.Keys(beats)) {
		out = appendHeartbeat(out, beats[location])
	}
	return append(out, `</StockInquiryReply>`...), nil
}

func (s *Server) snapshot(out []byte, req counterSnapshot) ([]byte, error) {
	s.mu.Lock()
	l, err := s.lane(req.location)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	beat, counters := l.heartbeat(), l.snapshot()
	s.mu.Unlock()

	slices.SortFunc(counters, func(a, b counter) int { return strings.Compare(a.sku, b.sku) })
	return appendSnapshot(out, beat, counters), nil
}

func (s *Server) listLanes(out []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	out = append(out, `<LaneListReply>`...)
	for _, location := range slices.Sorted(maps.Keys(s.lanes)) {
		out = appendHeartbeat(out, s.lanes[location].heartbeat())
	}
	return append(out, `</LaneListReply>`...)
}

func (s *Server) inquirePrices(out []byte, req priceInquiry) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	prices := s.prices
	if s.frozen != nil {
		prices = s.frozen.prices
	}
	return appendPrices(out, s.asOf(), s.currency, req.skus, prices)
}

// upload books all transactions or, when one names an unknown place, none.
func (s *Server) upload(out []byte, req transactionUpload) ([]byte, error) {
	state := s.board.Get()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range req.transactions {
		if _, err := s.lane(t.location); err != nil {
			return nil, err
		}
	}
	now := s.now()
	for _, t := range req.transactions {
		late := state.DelayMs > 0 && s.board.Share(lateShare)
		if booked, fresh := s.lanes[t.location].book(t, now, late); fresh && t.card != "" {
			s.givePoints(s.keepReceipt(t, booked, ""))
		}
	}
	return appendAccepted(out, len(req.transactions)), nil
}

func (s *Server) lane(location string) (*lane, error) {
	l, ok := s.lanes[location]
	if !ok {
		return nil, &fault{code: "UNKNOWN_LOCATION", text: "no tills at " + location}
	}
	return l, nil
}
