package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

// memberChange runs a change of the member who asks and makes its payload.
func (r *Resolver) memberChange(ctx context.Context, change func(memberID string) error) (*model.MemberPayload, error) {
	payload := &model.MemberPayload{}
	actor, err := r.actor(ctx)
	if err == nil {
		err = change(actor.MemberID)
	}
	if payload.UserErrors, err = r.refused(ctx, err); err != nil {
		return nil, err
	}
	view, err := r.Members.Profile(ctx, actor.MemberID)
	if err != nil {
		return nil, err
	}
	payload.Member = view.Member
	return payload, nil
}

// caller is whose tries are counted.
func caller(ctx context.Context) string {
	return auth.PrincipalOf(ctx).Actor().Key()
}

// codeOf reads a global id or a plain code of a location.
func (*Resolver) codeOf(ref string) string {
	if kind, key, ok := retail.ParseGlobalID(ref); ok && kind == retail.KindLocation {
		return key
	}
	return ref
}

func standing(p *members.Progress) *model.MemberStanding {
	s := &model.MemberStanding{Spent: p.Spend}
	if p.Tier != "" {
		s.Tier = &p.Tier
	}
	if p.Next != nil {
		s.Next, s.Missing = &p.Next.Tier, &p.Missing
	}
	return s
}

// consistency leaves the values of differences out: who may see that members differ may not see their personal data.
func consistency(report *members.Report) *model.MemberConsistency {
	c := &model.MemberConsistency{
		Checked: report.Checked, Consistent: report.Consistent, Differences: make([]*model.MemberDifference, len(report.Entries)),
	}
	if report.Next != "" {
		c.EndCursor = &report.Next
	}
	for i, e := range report.Entries {
		d := &model.MemberDifference{
			MemberID: retail.GlobalID(retail.KindMember, e.MemberID), Missing: e.Missing, Silent: e.Unknown,
			Fields: make([]string, len(e.Differences)), WeakMatches: make([]*model.WeakMatch, len(e.Weak)),
		}
		for k, f := range e.Differences {
			d.Fields[k] = f.Field
		}
		for k, w := range e.Weak {
			d.WeakMatches[k] = &model.WeakMatch{System: w.Source, Key: w.Key, Why: string(w.Reason)}
		}
		c.Differences[i] = d
	}
	return c
}
