package main

import (
	"testing"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail/privacy"
)

// What a shopper says is read by those who answer it, and each such reading is on record; a review that is shown is everybody's.
func TestWhoReadsWhatShoppersSayIsOnRecord(t *testing.T) {
	s := newStories(t)
	guest, _ := s.asker(t, []string{"guest"})
	order := s.collect(t, guest)
	s.do(t, guest, `mutation { complaintCreate(input: {subject: {orderId: "`+order+`"}, title: "Late", text: "`+traceSaid+`"}, KEY) {
		feedback { title text } userErrors { message } } }`, "")
	s.do(t, guest, `mutation { reviewCreate(input: {subject: {orderId: "`+order+`"}, sku: "10000002", score: 5, text: "`+traceSaid+`"}, KEY) { userErrors { message } } }`, "")
	readings := func() (fields []string) {
		must(t, s.ledger.Audit(t.Context(), "", func(e privacy.AuditEntry) error {
			d, err := e.Disclosure()
			for _, f := range d.Fields {
				if f == "Feedback.text" || f == "Feedback.title" {
					if !d.Full || d.Subject == "" {
						t.Errorf("recorded %+v", d)
					}
					fields = append(fields, f)
				}
			}
			return err
		}))
		return fields
	}
	if got := readings(); len(got) > 0 {
		t.Errorf("the author's own reading is recorded: %v", got)
	}
	staff := s.token(t, auth.Principal{
		Role: auth.RoleAssociate, Subject: "staff-S-SH01", Locations: []string{"S-SH01"}, Scopes: append(auth.DefaultScopes(auth.RoleAssociate), auth.ScopeCareAnswer),
	})
	told := s.silently(t, staff, `{ feedback(filter: {kinds: [COMPLAINT]}) { nodes { title text } } }`, nil)
	if text := valueAt(told, "feedback.nodes.0.text"); text != traceSaid {
		t.Errorf("the store reads %q", text)
	}
	if got := readings(); len(got) != 2 {
		t.Errorf("recorded: %v", got)
	}
	s.silently(t, guest, `{ product(sku: "10000002") { variants { reviews { nodes { text } } } } }`, nil)
	if got := readings(); len(got) != 2 {
		t.Errorf("recorded: %v", got)
	}
}
