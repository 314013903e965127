package privacy

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Holder is a system of record that holds personal data; the adapters implement it. What is asked under a reference is done
// once: a repetition answers what the first one did.
type Holder interface {
	// ExportPerson tells everything that the system holds about the person.
	ExportPerson(ctx context.Context, q Inquiry) (*Holding, error)
	// CorrectPerson sets what c says in every record of the person.
	CorrectPerson(ctx context.Context, q Inquiry, c retail.ProfileCorrection) (*Answer, error)
	// ErasePerson takes the person out of every record. Bookkeeping facts stay without the person, and nothing is recorded under
	// these keys, references and owners any more.
	ErasePerson(ctx context.Context, q Inquiry) (*Answer, error)
}

// Inquiry is whom a holder is asked about: a person, as this holder knows them.
type Inquiry struct {
	Reference string   // of the act
	Keys      []string // records of the person: accounts, cards or customers
	Created   []string // references under which the gateway may have asked for such a record
	Owners    []string // Actor.Keys, which the shop's carts are under
	Orders    []string // numbers of the person's orders
	Language  retail.Language
}

// Bounds of an inquiry: NamesAtOnce of keys, references and owners each, OrdersAtOnce of orders.
const (
	NamesAtOnce  = 50
	OrdersAtOnce = 500
)

// Answer is what a holder answered.
type Answer struct {
	Reference string // the holder's own number for it
	Records   int    // how many it concerned
}

// Holding is what a holder has: a JSON object, whose lists have the newest first.
type Holding struct {
	Answer

	Data json.RawMessage
}

// Members knows members; members.Service implements it.
type Members interface {
	// Member loads by id, CodeNotFound when there is none.
	Member(ctx context.Context, id string) (*retail.Member, error)
	// CheckCorrection refuses what can never be.
	CheckCorrection(c retail.ProfileCorrection) error
	// Correct sets what c says in the gateway's own record of the member.
	Correct(ctx context.Context, memberID string, c retail.ProfileCorrection) error
	// CreatedUnder lists the references under which records of the member may have been asked for in a system.
	CreatedUnder(memberID string, system retail.Source) []string
	// Forget forgets a member whom this process remembers.
	Forget(memberID string)
}

// RequestLedger keeps requests and the gateway's own records; integrations/ledger implements it.
type RequestLedger interface {
	// AddDataRequest stores a request as version 1, with jobs in the same transaction. A known id, or the subject's open request
	// of the same kind, is returned instead; an open correction takes the new values up and starts again, which counts as asking
	// once more. It refuses with WhyLimitReached when the subject has asked for most of the kind since the instant (0 for no bound),
	// and with WhyNotAllowed while the subject is being erased.
	AddDataRequest(ctx context.Context, r *retail.DataRequest, most int, since time.Time, jobs ...retail.Job) (*retail.DataRequest, error)
	// DataRequest loads by id, CodeNotFound when there is none; DataRequests lists a subject's, newest first.
	DataRequest(ctx context.Context, id string) (*retail.DataRequest, error)
	DataRequests(ctx context.Context, subject string, limit int) ([]*retail.DataRequest, error)
	// SaveDataRequest stores a request if the stored version is r.Version, with a section of its document and jobs in the same
	// transaction; holder may be empty. CodeConflict when the version is another.
	SaveDataRequest(
		ctx context.Context, r *retail.DataRequest, holder retail.DataHolder, section []byte, jobs ...retail.Job,
	) (*retail.DataRequest, error)
	// Sections loads the sections of a document that is not finished.
	Sections(ctx context.Context, id string) (map[retail.DataHolder][]byte, error)
	// BeginErasure lets a WAITING erasure run, unless open says of one of the subject's orders why not: then it waits for that,
	// and the job is stored unless it has no key. From the beginning on nothing new is recorded of the subject and of the members
	// who were merged into it, no finished order of theirs is opened again, and their other open requests are cancelled. A request
	// that does not wait stays as it is.
	BeginErasure(ctx context.Context, id string, open func(*retail.Order) string, later retail.Job) (*retail.DataRequest, error)
	// EraseOwner takes the subject of a running erasure, and the members who were merged into it when it began, out of all that
	// the ledger has, finishes the request and gives it to nobody. members are the ids of the member and of those who were merged
	// into it, sessions are role:subject of its tokens.
	EraseOwner(ctx context.Context, id string, members, sessions []string, at time.Time) (*retail.DataRequest, error)
	// MergedInto lists the members who were merged into one, directly or not.
	MergedInto(ctx context.Context, memberID string) ([]string, error)
	// OrderNumbers lists the numbers of all orders of an owner.
	OrderNumbers(ctx context.Context, owner string) ([]string, error)
	// OwnerRecords is what the ledger has of some owners, who are one person, limit of each kind at most, newest first.
	OwnerRecords(ctx context.Context, owners []string, limit int) (*Records, error)
	// HeldBy lists the claims of an owner that are HELD at now and serve no order.
	HeldBy(ctx context.Context, owner string, now time.Time) ([]retail.Claim, error)
}

// Records are the ledger's own records of an owner, with how many there are of each.
type Records struct {
	Orders      []*retail.Order
	OrderCount  int
	Said        []Utterance
	SaidCount   int
	Consents    []retail.Consent
	Disclosures []retail.Disclosure
}

// Utterance is feedback as a copy of somebody's data tells it.
type Utterance struct {
	ID, Kind, Status string
	Order, Receipt   string `json:",omitempty"`
	SKU              string `json:",omitempty"`
	Score            int
	Title, Text      string
	At               time.Time
	Replies          []string `json:",omitempty"`
}

// RequestDeps are what requests need.
type RequestDeps struct {
	Ledger  RequestLedger
	Members Members
	ERP     Holder
	POS     Holder
	Shop    Holder
	// Release gives a hold of the owner back; one that is not active any more is no error.
	Release func(ctx context.Context, actor retail.Actor, claimID string) error
	// EndSessions refuses the tokens of each role:subject that were issued up to the instant; those of the same subject in another
	// role stay. Subjects are as the gateway knows them, behind their issuer's prefix. Idempotent. Nil refuses none.
	EndSessions func(ctx context.Context, sessions []string, at time.Time) error
	// Seal keeps copies from whoever reads the ledger; without one no copy can be asked for.
	Seal *Seal
	Now  func() time.Time // time.Now when nil
	Log  *slog.Logger
}

// RequestConfig are the retailer's decisions about requests.
type RequestConfig struct {
	LookAgain    time.Duration // until an erasure that waits looks again
	ExportsADay  int           // that one person may ask for
	KeepDocument time.Duration // how long a copy can be read
}

// DefaultRequestConfig is what the schema promises.
func DefaultRequestConfig() RequestConfig {
	return RequestConfig{LookAgain: time.Minute, ExportsADay: 3, KeepDocument: 7 * 24 * time.Hour}
}

// Validate checks the configuration.
func (c RequestConfig) Validate() error {
	if c.LookAgain <= 0 || c.ExportsADay < 1 || c.KeepDocument <= 0 {
		return errors.New("privacy: requests need a time to look again, an export a day at least, and time to read it")
	}
	return nil
}

// Requests carries out what people ask about their own data: a copy, a correction, to be forgotten. Requests are records of
// the ledger that jobs bring forward. It is safe for concurrent use.
type Requests struct {
	config RequestConfig
	deps   RequestDeps
}

// NewRequests returns the service; the configuration must be valid.
func NewRequests(config RequestConfig, deps RequestDeps) *Requests {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &Requests{config: config, deps: deps}
}

func (s *Requests) now() time.Time { return s.deps.Now().UTC().Truncate(time.Microsecond) }

// derive makes the name of something that the parts determine, so that doing it twice meets the same thing.
func derive(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{kind}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part))) // a hash never fails
		h.Write([]byte(part))
	}
	return kind + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:15]))
}

// RequestMissing is the error about a request that is not there, or is somebody else's.
func RequestMissing() error { return retail.Errorf(retail.CodeNotFound, "there is no such request") }
