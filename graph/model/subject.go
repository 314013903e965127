// Package model has the types of the schema that no service knows; all but this file is generated.
package model

import "github.com/portico-retail/portico/retail"

var (
	_ retail.DataSubject = (*MemberDifference)(nil)
	_ retail.DataSubject = (*WeakMatch)(nil)
	_ retail.DataSubject = (*ReturnPayload)(nil)
)

// Subject is the member who differs.
func (d MemberDifference) Subject() string {
	_, key, _ := retail.ParseGlobalID(d.MemberID)
	return retail.Actor{Role: "member", MemberID: key}.Key()
}

// Subject is nobody who is known: the record is not proved to be the member's, and so their consent does not cover it.
func (WeakMatch) Subject() string { return "" }

// Subject is whoever placed the order that the goods are from.
func (p ReturnPayload) Subject() string {
	if p.Order == nil {
		return ""
	}
	return p.Order.Subject()
}
