package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/purchases"
)

func (r *memberResolver) Tier(ctx context.Context, obj *retail.Member) (*model.MemberStanding, error) {
	p, err := r.Members.Progress(ctx, obj.ID)
	if err != nil {
		return nil, err
	}
	return standing(p), nil
}

func (r *memberResolver) Points(ctx context.Context, obj *retail.Member) (*model.MemberPoints, error) {
	p, err := r.Members.Points(ctx, obj.ID)
	if err != nil {
		return nil, err
	}
	return &model.MemberPoints{Balance: p.Balance, Entries: pointers(p.Entries), Silent: p.Silent}, nil
}

func (r *memberResolver) Coupons(ctx context.Context, obj *retail.Member) ([]*retail.Coupon, error) {
	coupons, err := r.Members.Wallet(ctx, obj.ID)
	return pointers(coupons), err
}

func (r *memberResolver) PreferredStore(ctx context.Context, obj *retail.Member) (*retail.Location, error) {
	return r.place(ctx, obj.PreferredStore), nil
}

func (r *memberResolver) Orders(ctx context.Context, obj *retail.Member, first *int, after *string) (*purchases.Connection, error) {
	return r.Purchases.List(ctx, purchases.ListQuery{
		Owner: retail.Actor{Role: "member", MemberID: obj.ID}.Key(), AccountID: obj.In(retail.SourceShop), CardNumber: obj.In(retail.SourcePOS),
		First: valueOr(first, 20), After: valueOr(after, ""),
	})
}

func (r *memberResolver) Feedback(ctx context.Context, obj *retail.Member, first *int, after *string) (*model.FeedbackConnection, error) {
	return r.feedbackList(ctx, model.FeedbackFilter{}, valueOr(first, 20), after)
}

func (r *mutationResolver) MemberVerificationSend(ctx context.Context, input model.MemberVerificationSendInput, idempotencyKey string) (*model.VerificationPayload, error) {
	err := r.Members.StartVerification(ctx, caller(ctx), idempotencyKey, input.Phone)
	refusals, err := r.refused(ctx, err)
	return &model.VerificationPayload{Sent: err == nil && len(refusals) == 0, UserErrors: refusals}, err
}

func (r *mutationResolver) MemberRegister(ctx context.Context, input model.MemberRegisterInput, idempotencyKey string) (*model.MemberRegisterPayload, error) {
	done, err := r.Members.Register(ctx, members.RegisterRequest{
		Key: idempotencyKey, Caller: caller(ctx), Name: input.Name, Phone: input.Phone, Code: input.Code, Email: valueOr(input.Email, ""),
	})
	payload := &model.MemberRegisterPayload{}
	if err == nil {
		account := done.Member.In(retail.SourceShop)
		payload.AccountID, payload.Existed = &account, done.Existing
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

func (r *mutationResolver) MemberProfileUpdate(ctx context.Context, input model.MemberProfileUpdateInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error {
		_, err := r.Members.UpdateProfile(ctx, id, members.ProfileChange{Name: input.Name, Email: input.Email, Birthday: input.Birthday})
		return err
	})
}

func (r *mutationResolver) MemberCardBind(ctx context.Context, input model.MemberCardBindInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error {
		_, err := r.Members.BindCard(ctx, id, input.CardNumber, valueOr(input.Pin, ""))
		return err
	})
}

func (r *mutationResolver) MemberMerge(ctx context.Context, input model.MemberMergeInput, idempotencyKey string) (*model.MemberMergePayload, error) {
	payload := &model.MemberMergePayload{}
	changed, err := r.memberChange(ctx, func(id string) error {
		record, err := r.Members.Merge(ctx, id, members.MergeRequest{
			Key: idempotencyKey, Phone: valueOr(input.Phone, ""), Code: valueOr(input.Code, ""),
			CardNumber: valueOr(input.CardNumber, ""), PIN: valueOr(input.Pin, ""),
		})
		if err == nil {
			payload.MergeID = &record.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	payload.Member, payload.UserErrors = changed.Member, changed.UserErrors
	return payload, nil
}

func (r *mutationResolver) MemberMergeUndo(ctx context.Context, input model.MemberMergeUndoInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error {
		_, err := r.Members.UndoMerge(ctx, id, input.MergeID)
		return err
	})
}

func (r *mutationResolver) MemberAddressSave(ctx context.Context, input model.MemberAddressSaveInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error {
		address, err := r.address(input.Address)
		if err != nil {
			return err
		}
		if input.AddressID == nil {
			_, err = r.Members.AddAddress(ctx, id, idempotencyKey, address)
			return err
		}
		address.ID = *input.AddressID
		return r.Members.UpdateAddress(ctx, id, address)
	})
}

func (r *mutationResolver) MemberAddressRemove(ctx context.Context, input model.MemberAddressRemoveInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error { return r.Members.RemoveAddress(ctx, id, input.AddressID) })
}

func (r *mutationResolver) MemberPreferredStoreSet(ctx context.Context, input model.MemberPreferredStoreSetInput, idempotencyKey string) (*model.MemberPayload, error) {
	return r.memberChange(ctx, func(id string) error {
		_, err := r.Members.SetPreferredStore(ctx, id, r.codeOf(valueOr(input.LocationID, "")))
		return err
	})
}

func (r *queryResolver) Me(ctx context.Context) (*retail.Member, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	view, err := r.Members.Profile(ctx, actor.MemberID)
	if err != nil {
		return nil, err
	}
	return view.Member, nil
}

func (r *queryResolver) MemberConsistency(ctx context.Context, first *int, after *string) (*model.MemberConsistency, error) {
	report, err := r.Members.Report(ctx, valueOr(after, ""), valueOr(first, 50))
	if err != nil {
		return nil, err
	}
	return consistency(report), nil
}

func (r *receiptResolver) Location(ctx context.Context, obj *retail.Receipt) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *Resolver) Member() generated.MemberResolver { return &memberResolver{r} }

func (r *Resolver) Receipt() generated.ReceiptResolver { return &receiptResolver{r} }

type (
	memberResolver  struct{ *Resolver }
	receiptResolver struct{ *Resolver }
)
