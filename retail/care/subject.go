package care

import "github.com/portico-retail/portico/retail"

var _ retail.DataSubject = (*Feedback)(nil)

// Subject is the author.
func (f Feedback) Subject() string { return f.Owner }
