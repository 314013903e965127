package care

import "github.com/portico-retail/portico/retail"

var (
	_ retail.DataSubject = (*Feedback)(nil)
	_ retail.DataPublic  = (*Feedback)(nil)
)

// Subject is the author.
func (f Feedback) Subject() string { return f.Owner }

// Public reports whether everybody reads it: a review that is shown.
func (f Feedback) Public() bool { return f.Kind == KindReview && f.Status == StatusPublished }
