package members

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/portico-retail/portico/retail"
)

// MaxIdentities bounds the records of one member over all systems.
const MaxIdentities = 20

// rounds bounds how often a change is tried again because somebody else changed the member meanwhile.
const rounds = 8

// Service knows members. It is safe for concurrent use.
type Service struct {
	config  Config
	deps    Deps
	metrics *metrics
	signed  *otter.Cache[string, signedIn] // by the subject of the token
	seed    maphash.Seed
	writers [64]chan struct{} // one writer per account at a time, as far as this process goes
}

type signedIn struct {
	member *retail.Member
	until  time.Time
}

// New returns a service; the configuration must be valid.
func New(config Config, deps Deps) *Service {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s := &Service{config: config, deps: deps, metrics: newMetrics(deps.Registerer), seed: maphash.MakeSeed()}
	s.signed = otter.Must(&otter.Options[string, signedIn]{
		MaximumSize: config.Remembered,
		Executor:    func(task func()) { task() }, // no goroutine without an owner
	})
	for i := range s.writers {
		s.writers[i] = make(chan struct{}, 1)
	}
	return s
}

// Member loads a member as the ledger knows it. It fails with CodeNotFound for an unknown id, and with a retryable
// CodeConflict for a member who was merged into another since the session began: signing in again finds the other.
func (s *Service) Member(ctx context.Context, memberID string) (*retail.Member, error) {
	if !plain(memberID, 100) {
		return nil, retail.Errorf(retail.CodeNotFound, "no such member")
	}
	m, err := s.deps.Ledger.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	if merged(m) {
		s.forgetID(memberID)
		return nil, &retail.Error{Code: retail.CodeConflict, Message: "the member was merged into another", Retryable: true}
	}
	return clone(m), nil
}

// change runs f on the stored member and stores what it leaves, with jobs, if f reports a change. When somebody else
// changed the member meanwhile, or took an identity that f adds, f runs again on what is stored then.
func (s *Service) change(
	ctx context.Context, memberID string, f func(m *retail.Member) (changed bool, err error), jobs ...retail.Job,
) (*retail.Member, error) {
	var err error
	for range rounds {
		var m, stored *retail.Member
		if m, err = s.Member(ctx, memberID); err != nil {
			return nil, err
		}
		changed, ferr := f(m)
		if ferr != nil || !changed {
			return m, ferr
		}
		if stored, err = s.deps.Ledger.SaveMember(ctx, m, jobs...); err == nil {
			s.forget(stored)
			return stored, nil
		}
		if retail.CodeOf(err) != retail.CodeConflict {
			return nil, err
		}
	}
	return nil, busy(err)
}

func busy(err error) error {
	return &retail.Error{
		Code: retail.CodeConflict, Message: "the member is being changed by somebody else", Retryable: true, Err: err,
	}
}

// owner is the member who has the identity; nil when nobody has.
func (s *Service) owner(ctx context.Context, system retail.Source, key string) (*retail.Member, error) {
	m, err := s.deps.Ledger.MemberOf(ctx, system, key)
	if isNotFound(err) {
		return nil, nil
	}
	return m, err
}

func (s *Service) remembered(subject string) (*retail.Member, bool) {
	e, ok := s.signed.GetIfPresent(subject)
	if !ok || !s.deps.Now().Before(e.until) {
		return nil, false
	}
	return clone(e.member), true
}

func (s *Service) remember(subject string, m *retail.Member) {
	s.signed.Set(subject, signedIn{member: clone(m), until: s.deps.Now().Add(s.config.RememberFor)})
}

func (s *Service) forget(members ...*retail.Member) {
	for _, m := range members {
		for _, subject := range keys(m, retail.SourceShop) {
			s.signed.Invalidate(subject)
		}
	}
}

// forgetID forgets whoever is remembered as this member.
func (s *Service) forgetID(memberID string) {
	for subject, e := range s.signed.All() {
		if e.member.ID == memberID {
			s.signed.Invalidate(subject)
		}
	}
}

// allowed counts a try and refuses it beyond the limit.
func (s *Service) allowed(ctx context.Context, key string, l Limit, field string) error {
	ok, wait, err := s.deps.Ledger.Try(ctx, key, l)
	switch {
	case err != nil:
		return err
	case !ok:
		return l.Refuse(field, wait)
	}
	return nil
}

// allowedCaller is allowed for what a caller tries, and for what a guest's household does. A guest whose household may not try
// keeps the try; where taking it back fails there is one less.
func (s *Service) allowedCaller(ctx context.Context, kind, caller string, l Limit, field string) error {
	own := derive(kind, caller)
	if err := s.allowed(ctx, own, l, field); err != nil {
		return err
	}
	home := retail.HouseholdOf(ctx)
	if !home.Bounds() {
		return nil
	}
	err := s.allowed(ctx, derive(kind+" of a household", home.Name), home.Limit(l), field)
	if err != nil {
		_ = s.deps.Ledger.Forgive(context.WithoutCancel(ctx), own)
	}
	return err
}

// job asks for the member to be completed.
func job(memberID string) retail.Job { return retail.Job{Kind: retail.JobMember, Key: memberID} }

// derive makes the name of something that the parts determine, so that doing it twice meets the same thing.
func derive(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{kind}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part))) // a hash never fails
		h.Write([]byte(part))
	}
	return kind + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)[:20]))
}

// merged reports whether everything of the member went to another.
func merged(m *retail.Member) bool { return len(m.Identities) == 0 }

func clone(m *retail.Member) *retail.Member {
	c := *m
	c.Identities, c.Addresses = slices.Clone(m.Identities), slices.Clone(m.Addresses)
	return &c
}

// keys are the member's keys in a system, the leading one first.
func keys(m *retail.Member, system retail.Source) []string {
	var list []string
	for _, id := range m.Identities {
		if id.System == system {
			list = append(list, id.Key)
		}
	}
	return list
}

// ownKey is the leading key in a system that did not come with a merge; empty when there is none.
func ownKey(m *retail.Member, system retail.Source) string {
	for _, id := range m.Identities {
		if id.System == system && id.LinkedBy != retail.ProofMerge {
			return id.Key
		}
	}
	return ""
}

func has(m *retail.Member, system retail.Source, key string) bool {
	return slices.ContainsFunc(m.Identities, func(id retail.Identity) bool { return id.System == system && id.Key == key })
}

// add joins an identity. What somebody proved comes before what the gateway created to fill a gap, because it is what the
// person uses.
func add(m *retail.Member, id retail.Identity) {
	at := slices.IndexFunc(m.Identities, func(have retail.Identity) bool {
		return have.System == id.System && have.LinkedBy == retail.ProofCreated
	})
	if at < 0 {
		at = len(m.Identities)
	}
	m.Identities = slices.Insert(m.Identities, at, id)
}

func isNotFound(err error) bool {
	var e *retail.Error
	return errors.As(err, &e) && e.Code == retail.CodeNotFound
}
