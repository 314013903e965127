package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// Audit keeps who read whose personal data; integrations/ledger does.
type Audit interface {
	// AppendAudit stores disclosures, all or none, and returns when they are stored.
	AppendAudit(ctx context.Context, rows []retail.Disclosure) error
}

// Personal says how personal fields are read. Without rules everybody reads them masked, and nothing is recorded.
type Personal struct {
	Rules auth.PersonalRules
	Audit Audit // needed with rules
}

func (p *Personal) reading() *auth.Reading {
	if p == nil {
		return nil
	}
	return auth.NewReading(p.Rules)
}

// disclose records what the response tells about others, before it tells it. A response whose readings cannot be recorded is
// not given, whether they are masked or not: the log lies in the same ledger as orders and members, so that hardly any answer
// is lost that there could have been.
func (h *Handler) disclose(ctx context.Context, reading *auth.Reading, res *result) {
	if reading == nil || res.data == nil {
		return
	}
	rows := reading.Read()
	if len(rows) == 0 {
		return
	}
	p, now, name := auth.PrincipalOf(ctx), h.now(), ""
	if graphql.HasOperationContext(ctx) {
		name = retail.Scrub(clip(graphql.GetOperationContext(ctx).OperationName))
	}
	for i := range rows {
		rows[i].At, rows[i].Request, rows[i].Operation = now, retail.Scrub(RequestID(ctx)), name
		rows[i].Role, rows[i].Reader, rows[i].Client = string(p.Role), p.Subject, p.Client
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer cancel()
	err := h.personal.Audit.AppendAudit(keep, rows)
	if err == nil {
		return
	}
	h.errors.log.ErrorContext(ctx, "a reading of personal data could not be recorded", slog.String("request", RequestID(ctx)),
		slog.Any("error", err))
	e := newError(retail.CodeUpstreamUnavailable, "the reading of personal data could not be recorded: ask again")
	e.Extensions["retryable"] = true
	res.data, res.errs = nil, gqlerror.List{e}
}

// disclosed is retail.Disclosure in a stored answer.
type disclosed struct {
	Subject string         `json:"s"`
	Purpose retail.Purpose `json:"p"`
	Fields  []string       `json:"f"`
	Full    bool           `json:"full,omitempty"`
	Open    bool           `json:"open,omitempty"`
}

// disclosedBelow is what a root field tells about others.
func disclosedBelow(ctx context.Context, root string) []disclosed {
	reading := auth.ReadingOf(ctx)
	if reading == nil {
		return nil
	}
	var list []disclosed
	for _, d := range reading.ReadBelow(root) {
		list = append(list, disclosed{d.Subject, d.Purpose, d.Fields, d.Full, d.Open})
	}
	return list
}

// discloseAgain records what a stored answer tells about others. An answer with data in full that its reader may not read so
// any more fails with CodeForbidden: a consent that was withdrawn holds for repetitions too.
func discloseAgain(ctx context.Context, root string, was []disclosed) error {
	if len(was) == 0 {
		return nil
	}
	gone := retail.Errorf(retail.CodeForbidden, "it was done before, and its answer holds personal data that may not be read any more")
	reading := auth.ReadingOf(ctx)
	if reading == nil {
		return gone
	}
	rows := make([]retail.Disclosure, len(was))
	for i, d := range was {
		rows[i] = retail.Disclosure{Subject: d.Subject, Purpose: d.Purpose, Fields: d.Fields, Full: d.Full, Open: d.Open}
	}
	allowed, err := reading.Repeat(ctx, root, rows)
	if err == nil && !allowed {
		err = gone
	}
	return err
}
