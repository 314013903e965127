package care

import (
	"context"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// A complaint goes RECEIVED → IN_PROGRESS (Take) → ANSWERED (staff's Reply) → IN_PROGRESS (the author's Reply) and so on, until
// it is RESOLVED: by its author at any time, by staff once it was answered. A review is RECEIVED or PUBLISHED whoever
// replies, an answer to a question is RECEIVED and ANSWERED once staff replied. Any other move is refused with WhyNotAllowed;
// who may not see the feedback is refused with WhyNotFound. Doing a move again changes nothing.

// Take says that staff looks into a complaint.
func (s *Service) Take(ctx context.Context, actor retail.Actor, id string) (*Feedback, error) {
	return s.move(ctx, actor, id, func(f *Feedback) error {
		switch {
		case f.Kind != KindComplaint || !staff(actor, f.LocationCode):
			return notAllowed("only staff of the place takes up a complaint")
		case f.Status == StatusInProgress:
			return retail.ErrUnchanged
		case f.Status != StatusReceived:
			return notAllowed("the complaint was taken up before")
		}
		f.Status = StatusInProgress
		return nil
	})
}

// Reply adds to the conversation, 50 replies at most. Staff may reply to everything, the author to their complaint while it is
// open.
func (s *Service) Reply(ctx context.Context, actor retail.Actor, id, key, text string) (*Feedback, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := checkText(text, "text", 1, MaxText); err != nil {
		return nil, err
	}
	return s.move(ctx, actor, id, func(f *Feedback) error {
		reply := Reply{ID: derive("r", id, actor.Key(), key), At: s.now(), Text: text, ByShopper: author(actor, f)}
		if slices.ContainsFunc(f.Replies, func(have Reply) bool { return have.ID == reply.ID }) {
			return retail.ErrUnchanged
		}
		switch {
		case f.Kind == KindComplaint && f.Status == StatusResolved:
			return notAllowed("the complaint is resolved")
		case reply.ByShopper && f.Kind != KindComplaint:
			return notAllowed("only a complaint is a conversation")
		case !reply.ByShopper && !staff(actor, f.LocationCode):
			return notAllowed("only staff of the place replies")
		case len(f.Replies) >= MaxReplies:
			limit := MaxReplies
			r := retail.Refuse(retail.WhyLimitReached, "", "the conversation is too long")
			r.Limit = &limit
			return r
		}
		if !reply.ByShopper {
			reply.Author = actor.Subject
		}
		switch {
		case reply.ByShopper && f.Status == StatusAnswered:
			f.Status = StatusInProgress
		case !reply.ByShopper && f.Kind != KindReview:
			f.Status = StatusAnswered
		}
		f.Replies = append(f.Replies, reply)
		return nil
	})
}

// Resolve closes a complaint.
func (s *Service) Resolve(ctx context.Context, actor retail.Actor, id string) (*Feedback, error) {
	return s.move(ctx, actor, id, func(f *Feedback) error {
		answered := slices.ContainsFunc(f.Replies, func(r Reply) bool { return !r.ByShopper })
		switch {
		case f.Kind != KindComplaint:
			return notAllowed("only a complaint is resolved")
		case !author(actor, f) && !staff(actor, f.LocationCode):
			return notAllowed("only the author or staff of the place resolves a complaint")
		case f.Status == StatusResolved:
			return retail.ErrUnchanged
		case !author(actor, f) && !answered:
			return notAllowed("the shopper has not been answered yet")
		}
		now := s.now()
		f.Status, f.ResolvedAt = StatusResolved, &now
		return nil
	})
}

// Publish shows a review to everybody; Hide takes it back.
func (s *Service) Publish(ctx context.Context, actor retail.Actor, id string) (*Feedback, error) {
	return s.moderate(ctx, actor, id, StatusPublished)
}

// Hide shows a review to nobody but its author and staff.
func (s *Service) Hide(ctx context.Context, actor retail.Actor, id string) (*Feedback, error) {
	return s.moderate(ctx, actor, id, StatusReceived)
}

func (s *Service) moderate(ctx context.Context, actor retail.Actor, id string, to FeedbackStatus) (*Feedback, error) {
	return s.move(ctx, actor, id, func(f *Feedback) error {
		switch {
		case f.Kind != KindReview || !staff(actor, f.LocationCode):
			return notAllowed("only staff of the place publishes and hides reviews")
		case f.Status == to:
			return retail.ErrUnchanged
		}
		f.Status = to
		return nil
	})
}

func notAllowed(message string) error { return retail.Refuse(retail.WhyNotAllowed, "", message) }

// move changes feedback that the actor may see.
func (s *Service) move(ctx context.Context, actor retail.Actor, id string, change func(*Feedback) error) (*Feedback, error) {
	if _, err := s.Get(ctx, actor, id); err != nil {
		if isNotFound(err) {
			return nil, retail.Refuse(retail.WhyNotFound, "id", "no such feedback")
		}
		return nil, err
	}
	f, err := s.deps.Store.UpdateFeedback(ctx, id, change)
	if err != nil {
		return nil, err
	}
	return shown(actor, f), nil
}
