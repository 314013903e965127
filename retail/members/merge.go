package members

import (
	"context"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

const mergeJobPrefix = "merge:"

// MergeRequest asks to merge another member into the caller's. The proof is either the other account's phone with a code
// sent to it, or the other's card with its PIN.
type MergeRequest struct {
	Key        string // idempotency key of the member
	Phone      string
	Code       string
	CardNumber string
	PIN        string
}

// Merge gives everything of another member to this one, whose proof the caller holds: both are one person. Carts are
// merged by the cart service. It refuses with WhyProofRejected what proves nothing (a wrong PIN, a phone that no account or
// several have), with WhyCodeRejected a wrong code, with WhyNotFound a card that no member has (BindCard joins it) and with
// WhyInvalid an identity that is the member's already. Doing it again under the same key gives the same record.
func (s *Service) Merge(ctx context.Context, memberID string, r MergeRequest) (*MergeRecord, error) {
	if err := checkKey(r.Key); err != nil {
		return nil, err
	}
	id := derive("merge", memberID, r.Key)
	if record, err := s.deps.Ledger.Merge(ctx, id); !isNotFound(err) {
		return record, err
	}
	kept, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	otherID, err := s.proveOther(ctx, kept, r)
	if err != nil {
		return nil, err
	}
	// Written before the merge and harmless without it: whatever happens next, both are looked at again.
	sweep := retail.Job{Kind: retail.JobMember, Key: mergeJobPrefix + id, At: s.deps.Now().Add(2*s.config.RememberFor + time.Minute)}
	if err := s.deps.Ledger.Enqueue(ctx, sweep); err != nil {
		return nil, err
	}
	record, err := s.merge(ctx, id, memberID, otherID)
	if err != nil {
		return nil, err
	}
	if err := s.deps.Ledger.Enqueue(ctx, job(memberID)); err != nil {
		return nil, err
	}
	return record, nil
}

// proveOther is the id of the member whose identity the caller proved to hold.
func (s *Service) proveOther(ctx context.Context, kept *retail.Member, r MergeRequest) (string, error) {
	if (r.Phone == "") == (r.CardNumber == "") {
		return "", retail.Refuse(retail.WhyInvalid, "", "prove either the other phone or the other card")
	}
	if r.CardNumber != "" {
		return s.proveOtherCard(ctx, kept, r)
	}
	e164, err := s.phone(r.Phone)
	if err != nil {
		return "", err
	}
	if err := s.checkCode(ctx, "merge", kept.ID, r.Key, e164, r.Code); err != nil {
		return "", err
	}
	account, err := s.otherAccount(ctx, kept, e164)
	if err != nil {
		return "", err
	}
	other, err := s.adopt(ctx, account, retail.ProofPhone)
	if err != nil {
		return "", err
	}
	return other.ID, nil
}

func (s *Service) otherAccount(ctx context.Context, kept *retail.Member, e164 string) (*retail.Account, error) {
	accounts, err := s.deps.Accounts.FindAccounts(ctx, e164, "")
	if err != nil {
		return nil, err
	}
	own := false
	accounts = slices.DeleteFunc(accounts, func(a retail.Account) bool {
		mine := has(kept, retail.SourceShop, a.ID)
		own = own || mine
		return mine || verifiedPhone(&a.Profile) != e164
	})
	switch {
	case len(accounts) == 1:
		return &accounts[0], nil
	case len(accounts) == 0 && own:
		return nil, retail.Refuse(retail.WhyInvalid, "phone", "the phone's account is this member's already")
	}
	return nil, retail.Refuse(retail.WhyProofRejected, "phone", "the phone shows no other account, or several")
}

func (s *Service) proveOtherCard(ctx context.Context, kept *retail.Member, r MergeRequest) (string, error) {
	if err := s.allowed(ctx, derive("cards", kept.ID), s.config.PINs, "cardNumber"); err != nil {
		return "", err
	}
	if err := s.checkPIN(ctx, r.CardNumber, r.PIN); err != nil {
		return "", err
	}
	owner, err := s.owner(ctx, retail.SourcePOS, r.CardNumber)
	switch {
	case err != nil:
		return "", err
	case owner == nil:
		return "", retail.Refuse(retail.WhyNotFound, "cardNumber", "no other member has this card: bind it instead")
	case owner.ID == kept.ID:
		return "", retail.Refuse(retail.WhyInvalid, "cardNumber", "the card is this member's already")
	}
	return owner.ID, nil
}

func (s *Service) merge(ctx context.Context, id, keptID, mergedID string) (*MergeRecord, error) {
	var last error
	for range rounds {
		if record, err := s.deps.Ledger.Merge(ctx, id); !isNotFound(err) {
			return record, err
		}
		kept, other, err := s.pair(ctx, keptID, mergedID)
		if err != nil {
			return nil, err
		}
		switch {
		case keptID == mergedID:
			return nil, retail.Refuse(retail.WhyInvalid, "", "this is the same member already")
		case merged(kept) || merged(other):
			return nil, retail.Refuse(retail.WhyProofRejected, "", "one of the two was merged into another member meanwhile")
		case len(kept.Identities)+len(other.Identities) > MaxIdentities:
			return nil, limitReached(MaxIdentities, "", "records of one member")
		}
		now := s.deps.Now()
		record := MergeRecord{ID: id, KeptID: keptID, MergedID: mergedID, Identities: slices.Clone(other.Identities), MergedAt: now}
		for _, identity := range other.Identities {
			identity.LinkedBy, identity.LinkedAt = retail.ProofMerge, now
			kept.Identities = append(kept.Identities, identity)
		}
		s.forget(kept, other)
		other.Identities = nil
		last = s.deps.Ledger.SaveMerge(ctx, record, kept, other, ownerKey(mergedID), ownerKey(keptID))
		if last == nil {
			s.forget(kept)
			return &record, nil
		}
		if retail.CodeOf(last) != retail.CodeConflict {
			return nil, last
		}
	}
	return nil, busy(last)
}

// UndoMerge gives back what a merge of this member took, and both are as they were. What the member got since then stays,
// but for ERP records that were joined because they name what goes back. It refuses with WhyNotFound a merge that is not the
// member's, and with WhyNotAllowed one that lies too long ago or whose member was merged further. Undoing it again
// changes nothing.
func (s *Service) UndoMerge(ctx context.Context, memberID, mergeID string) (*MergeRecord, error) {
	record, err := s.deps.Ledger.Merge(ctx, mergeID)
	if isNotFound(err) || err == nil && record.KeptID != memberID {
		return nil, retail.Refuse(retail.WhyNotFound, "mergeId", "the member has no such merge")
	}
	if err != nil {
		return nil, err
	}
	if record.UndoneAt == nil {
		if record, err = s.undo(ctx, mergeID); err != nil {
			return nil, err
		}
	}
	return record, s.deps.Ledger.Enqueue(ctx, job(record.KeptID), job(record.MergedID))
}

func (s *Service) undo(ctx context.Context, mergeID string) (*MergeRecord, error) {
	var last error
	for range rounds {
		record, err := s.deps.Ledger.Merge(ctx, mergeID)
		if err != nil || record.UndoneAt != nil {
			return record, err
		}
		now := s.deps.Now()
		if now.After(record.MergedAt.Add(s.config.UndoWithin)) {
			return nil, retail.Refuse(retail.WhyNotAllowed, "mergeId", "the merge lies too long ago")
		}
		kept, other, err := s.pair(ctx, record.KeptID, record.MergedID)
		if err != nil {
			return nil, err
		}
		back, err := s.followers(ctx, kept, record)
		if err != nil {
			return nil, err
		}
		for _, id := range record.Identities {
			if !has(kept, id.System, id.Key) {
				return nil, retail.Refuse(retail.WhyNotAllowed, "mergeId", "a later merge must be undone first")
			}
		}
		s.forget(kept)
		other.Identities = append(slices.Clone(record.Identities), back...)
		kept.Identities = slices.DeleteFunc(kept.Identities, func(id retail.Identity) bool { return has(other, id.System, id.Key) })
		undone := *record
		undone.UndoneAt = &now
		last = s.deps.Ledger.SaveMerge(ctx, undone, kept, other, ownerKey(record.KeptID), ownerKey(record.MergedID))
		if last == nil {
			s.forget(kept, other)
			return &undone, nil
		}
		if retail.CodeOf(last) != retail.CodeConflict {
			return nil, last
		}
	}
	return nil, busy(last)
}

// followers are the ERP records that were joined after the merge because they name a card or account that goes back.
func (s *Service) followers(ctx context.Context, kept *retail.Member, record *MergeRecord) ([]retail.Identity, error) {
	back := &retail.Member{Identities: record.Identities}
	var list []retail.Identity
	for _, id := range kept.Identities {
		if id.System != retail.SourceERP || id.LinkedBy != retail.ProofRecord || id.LinkedAt.Before(record.MergedAt) {
			continue
		}
		customer, err := s.deps.Customers.Customer(ctx, id.Key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if has(back, retail.SourcePOS, customer.CardNumber) || has(back, retail.SourceShop, customer.AccountID) {
			list = append(list, id)
		}
	}
	return list, nil
}

// sweep gives the kept member what sessions that did not know of the merge yet have made for the merged one since, and
// completes them in case nobody did.
func (s *Service) sweep(ctx context.Context, mergeID string) error {
	for range rounds {
		record, err := s.deps.Ledger.Merge(ctx, mergeID)
		if isNotFound(err) || err == nil && record.UndoneAt != nil {
			return nil
		}
		if err != nil {
			return err
		}
		kept, other, err := s.pair(ctx, record.KeptID, record.MergedID)
		if err != nil {
			return err
		}
		if !merged(other) {
			return nil
		}
		err = s.deps.Ledger.SaveMerge(ctx, *record, kept, other, ownerKey(record.MergedID), ownerKey(record.KeptID))
		switch {
		case err == nil:
			return s.Complete(ctx, record.KeptID)
		case retail.CodeOf(err) != retail.CodeConflict:
			return err
		}
	}
	return busy(nil)
}

func (s *Service) pair(ctx context.Context, keptID, mergedID string) (kept, other *retail.Member, err error) {
	if kept, err = s.deps.Ledger.Member(ctx, keptID); err != nil {
		return nil, nil, err
	}
	if other, err = s.deps.Ledger.Member(ctx, mergedID); err != nil {
		return nil, nil, err
	}
	return clone(kept), clone(other), nil
}

func ownerKey(memberID string) string { return retail.Actor{MemberID: memberID}.Key() }
