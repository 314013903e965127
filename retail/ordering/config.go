package ordering

import (
	"fmt"
	"time"
)

// Config are the terms of a purchase.
type Config struct {
	PayWithin     time.Duration // an order unpaid for so long is cancelled
	ClaimGrace    time.Duration // claims outlive PayWithin by this, so that a last payment finds them
	PlaceWithin   time.Duration // an order that the shop has not taken by then is given up
	CallsEnd      time.Duration // no call to a system is under way for so long, whatever became of the caller
	PlaceInline   time.Duration // how long a checkout waits for a shop that does not answer
	PayAgainAfter time.Duration // a payment that the service does not know is started again after this
	AnswerWithin  time.Duration // a shopper decides about rejected units
	CollectWithin time.Duration // a ready order waits, and then until the place closes
	AcceptWithin  time.Duration // a place that has not taken its task by then raises an alert
	RefundWithin  time.Duration // a refund that takes longer raises an alert
	ReviewWithin  time.Duration // an order in review is released when nobody has decided by then

	TakeOver   time.Duration // a job looks after work that an inline step left
	PollLeast  time.Duration // between two questions about something open, growing with its age
	PollMost   time.Duration
	TaskMost   time.Duration // the same for tasks, whose feed tells sooner
	TaskPoll   time.Duration // between two reads of the feed of tasks
	SweepEvery time.Duration // between two looks at overdue and forgotten orders
	StallAfter time.Duration // an order forgotten for so long gets a new job

	CodeTries       int // pickup codes tried by one associate at one place per CodeWindow
	PlaceTries      int // pickup codes tried at one place per CodeWindow, whoever tries
	SameTries       int // how often one pickup code is tried per CodeWindow, wherever
	CodeWindow      time.Duration
	PaymentAttempts int // of one order
	GuestUnpaid     int // orders of one guest that are unpaid at the same time; 0 limits nobody
	MemberUnpaid    int // the same of one member

	Risk RiskConfig
}

// DefaultConfig is used where nothing is said.
func DefaultConfig() Config {
	return Config{
		PayWithin: 15 * time.Minute, ClaimGrace: 2 * time.Minute, PlaceWithin: 2 * time.Minute, CallsEnd: 2 * time.Minute,
		PlaceInline: 8 * time.Second, PayAgainAfter: 5 * time.Second, AnswerWithin: 24 * time.Hour, CollectWithin: 72 * time.Hour,
		AcceptWithin: 5 * time.Minute, RefundWithin: time.Hour, ReviewWithin: 24 * time.Hour,
		TakeOver: 10 * time.Second, PollLeast: time.Second, PollMost: time.Minute, TaskMost: 5 * time.Minute,
		TaskPoll: 500 * time.Millisecond, SweepEvery: 30 * time.Second, StallAfter: 2 * time.Minute,
		CodeTries: 60, PlaceTries: 600, SameTries: 20, CodeWindow: 10 * time.Minute, PaymentAttempts: 10,
		GuestUnpaid: 3, MemberUnpaid: 10,
		Risk: DefaultRiskConfig(),
	}
}

// Validate says what is wrong.
func (c Config) Validate() error {
	for name, d := range map[string]time.Duration{
		"PayWithin": c.PayWithin, "ClaimGrace": c.ClaimGrace, "PlaceWithin": c.PlaceWithin, "CallsEnd": c.CallsEnd, "PlaceInline": c.PlaceInline,
		"PayAgainAfter": c.PayAgainAfter, "AnswerWithin": c.AnswerWithin, "CollectWithin": c.CollectWithin,
		"AcceptWithin": c.AcceptWithin, "RefundWithin": c.RefundWithin, "ReviewWithin": c.ReviewWithin, "TakeOver": c.TakeOver,
		"PollLeast": c.PollLeast, "TaskPoll": c.TaskPoll, "SweepEvery": c.SweepEvery, "StallAfter": c.StallAfter, "CodeWindow": c.CodeWindow,
	} {
		if d <= 0 {
			return fmt.Errorf("ordering: %s must be positive", name)
		}
	}
	switch {
	case c.PollMost < c.PollLeast || c.TaskMost < c.PollLeast:
		return fmt.Errorf("ordering: PollMost and TaskMost must not be below PollLeast")
	case c.PlaceWithin >= c.PayWithin:
		return fmt.Errorf("ordering: PlaceWithin must be below PayWithin")
	case min(c.CodeTries, c.PlaceTries, c.SameTries, c.PaymentAttempts) < 1:
		return fmt.Errorf("ordering: CodeTries, PlaceTries, SameTries and PaymentAttempts must be at least 1")
	case min(c.GuestUnpaid, c.MemberUnpaid) < 0:
		return fmt.Errorf("ordering: GuestUnpaid and MemberUnpaid must not be below 0")
	}
	return c.Risk.Validate()
}
