package privacy

import (
	"context"
	"log/slog"
	"time"

	"github.com/portico-retail/portico/retail"
)

const (
	// MaxRequests bounds the list of a person's requests.
	MaxRequests = 50
	// maxCorrections and maxErasures bound how often a person may ask within a day, erasures that were called off included: each asks
	// every system.
	maxCorrections = 10
	maxErasures    = 5
)

// Get loads a request of the actor; to everybody else it is not there (CodeNotFound).
func (s *Requests) Get(ctx context.Context, actor retail.Actor, id string) (*retail.DataRequest, error) {
	if !owns(actor) || len(id) > 100 {
		return nil, RequestMissing()
	}
	r, err := s.deps.Ledger.DataRequest(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Subject != actor.Key() {
		return nil, RequestMissing()
	}
	return s.shown(ctx, r), nil
}

// List lists the actor's requests, newest first, MaxRequests at most.
func (s *Requests) List(ctx context.Context, actor retail.Actor) ([]*retail.DataRequest, error) {
	if !owns(actor) {
		return nil, nil
	}
	list, err := s.deps.Ledger.DataRequests(ctx, actor.Key(), MaxRequests)
	for i := range list {
		list[i] = s.shown(ctx, list[i])
	}
	return list, err
}

// shown is a request as its owner reads it: the copy is opened, one that is too old is gone.
func (s *Requests) shown(ctx context.Context, r *retail.DataRequest) *retail.DataRequest {
	if len(r.Document) == 0 {
		return r
	}
	seen := *r
	seen.Document = nil
	if r.FinishedAt == nil || !s.now().Before(r.FinishedAt.Add(s.config.KeepDocument)) || s.deps.Seal == nil {
		return &seen
	}
	text, err := s.deps.Seal.Open(documentOf(r.ID), r.Document)
	if err != nil { // another key than the one that sealed it: it can be asked for again
		s.deps.Log.LogAttrs(ctx, slog.LevelError, "a copy of personal data cannot be opened", slog.String("request", r.ID))
		return &seen
	}
	seen.Document = text
	return &seen
}

// Export asks for a copy of everything that every system holds about the actor. While one is being made that one is returned;
// it refuses with WhyLimitReached beyond so many a day, and with WhyNotAllowed when the gateway has no key to seal copies with.
func (s *Requests) Export(ctx context.Context, actor retail.Actor, key string, lang retail.Language) (*retail.DataRequest, error) {
	if s.deps.Seal == nil {
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "copies are not given here")
	}
	r, err := s.draft(actor, key, retail.DataExport)
	if err != nil {
		return nil, err
	}
	r.Status, r.Language, r.Receipts = retail.DataRunning, lang, Pending(r.RequestedAt)
	return s.add(ctx, r, s.config.ExportsADay)
}

// Correct asks every system to correct what it says about a member. It refuses with WhyInvalid what can never be, and with
// WhyLimitReached beyond 10 a day.
func (s *Requests) Correct(
	ctx context.Context, actor retail.Actor, key string, c retail.ProfileCorrection,
) (*retail.DataRequest, error) {
	r, err := s.draft(actor, key, retail.DataCorrection)
	if err != nil {
		return nil, err
	}
	switch {
	case actor.MemberID == "":
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "only a member has a profile")
	case c.Name == nil && c.Email == nil && c.Birthday == nil:
		return nil, retail.Refuse(retail.WhyInvalid, "", "say what to correct")
	}
	if err := s.deps.Members.CheckCorrection(c); err != nil {
		return nil, err
	}
	r.Status, r.Correction, r.Receipts = retail.DataRunning, &c, pending(r.RequestedAt, corrected...)
	return s.add(ctx, r, maxCorrections)
}

// Erase asks every system to forget the actor. It begins at once or, while an order, return, refund or review is open, when
// none is; until then Cancel calls it off. It refuses with WhyLimitReached beyond 5 a day.
func (s *Requests) Erase(ctx context.Context, actor retail.Actor, key string, confirmed bool) (*retail.DataRequest, error) {
	if !confirmed {
		return nil, retail.Refuse(retail.WhyInvalid, "confirm", "confirm that everything about you is to be forgotten")
	}
	r, err := s.draft(actor, key, retail.DataErasure)
	if err != nil {
		return nil, err
	}
	r.Status = retail.DataWaiting
	stored, err := s.add(ctx, r, maxErasures)
	if err != nil || stored.Status != retail.DataWaiting {
		return stored, err
	}
	begun, err := s.begin(ctx, stored.ID, retail.Job{}) // the stored job is the one that looks again
	if err != nil {                                     // it begins the erasure as well
		return stored, nil //nolint:nilerr // the request is stored, and that is what was asked
	}
	return begun, nil
}

// Cancel calls off an erasure that has not begun. Doing it again changes nothing; it refuses with WhyNotAllowed what has begun
// or is no erasure.
func (s *Requests) Cancel(ctx context.Context, actor retail.Actor, id string) (*retail.DataRequest, error) {
	r, err := s.Get(ctx, actor, id)
	for err == nil {
		switch {
		case r.Status == retail.DataCancelled:
			return r, nil
		case r.Kind != retail.DataErasure || r.Status != retail.DataWaiting:
			return nil, retail.Refuse(retail.WhyNotAllowed, "requestId", "only an erasure that has not begun can be called off")
		}
		now := s.now()
		r.Status, r.FinishedAt, r.WaitsFor = retail.DataCancelled, &now, ""
		stored, serr := s.deps.Ledger.SaveDataRequest(ctx, r, "", nil)
		if serr == nil || retail.CodeOf(serr) != retail.CodeConflict {
			return stored, serr
		}
		r, err = s.Get(ctx, actor, id) // the job was faster
	}
	return nil, err
}

// add stores a request, most of its kind within a day.
func (s *Requests) add(ctx context.Context, r *retail.DataRequest, most int) (*retail.DataRequest, error) {
	return s.deps.Ledger.AddDataRequest(ctx, r, most, r.RequestedAt.Add(-24*time.Hour), job(r.ID))
}

// draft is a request of the actor; the same key makes the same one.
func (s *Requests) draft(actor retail.Actor, key string, kind retail.DataRequestKind) (*retail.DataRequest, error) {
	if !owns(actor) {
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "sign in, or open a session, first")
	}
	if key == "" || len(key) > 200 {
		return nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey", "an idempotency key of 1 to 200 characters is needed")
	}
	return &retail.DataRequest{
		ID: derive("d", actor.Key(), string(kind), key), Subject: actor.Key(), Kind: kind, RequestedAt: s.now(),
	}, nil
}

// owns reports whether the actor is somebody who has data of their own here.
func owns(actor retail.Actor) bool {
	return actor.Role == "guest" && actor.Known() || actor.MemberID != ""
}

func job(id string) retail.Job { return retail.Job{Kind: retail.JobData, Key: id} }

var (
	// holders are in the order in which they are asked: the ledger is the last, because it knows who is meant.
	holders = []retail.DataHolder{
		retail.HolderShop, retail.HolderPOS, retail.HolderERP, retail.HolderProjection, retail.HolderLedger,
	}
	// corrected are those that say something about a person that can be wrong.
	corrected = []retail.DataHolder{retail.HolderShop, retail.HolderPOS, retail.HolderERP, retail.HolderLedger}
)

// Pending are the receipts of a request that every holder of personal data is asked about, in that order.
func Pending(at time.Time) []retail.DataReceipt { return pending(at, holders...) }

func pending(at time.Time, of ...retail.DataHolder) []retail.DataReceipt {
	list := make([]retail.DataReceipt, len(of))
	for i, h := range of {
		list[i] = retail.DataReceipt{Holder: h, Status: retail.ReceiptPending, At: at}
	}
	return list
}
