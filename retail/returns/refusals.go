package returns

import (
	"errors"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// refusals collects what is wrong with a request, so that the caller learns all of it at once.
type refusals []*retail.Refusal

func (l *refusals) add(why retail.Why, field, message string) {
	*l = append(*l, retail.Refuse(why, field, message))
}

func (l refusals) err() error {
	list := make([]error, len(l))
	for i, r := range l {
		list[i] = r
	}
	return errors.Join(list...)
}

func lineField(i int, name string) string { return "lines." + strconv.Itoa(i) + "." + name }

// checkLines refuses lines that can never work.
func (l *refusals) checkLines(lines []Line) {
	if len(lines) < 1 || len(lines) > retail.MaxCartLines {
		l.add(retail.WhyInvalid, "lines", "There must be 1 to "+strconv.Itoa(retail.MaxCartLines)+" lines.")
		return
	}
	seen := make(map[string]bool, len(lines))
	for i, line := range lines {
		if line.Quantity < 1 || line.Quantity > retail.MaxLineQuantity {
			l.add(retail.WhyInvalid, lineField(i, "quantity"), "The quantity must be 1 to "+strconv.Itoa(retail.MaxLineQuantity)+".")
		}
		if seen[line.LineID] {
			l.add(retail.WhyInvalid, lineField(i, "lineId"), "The line is named twice.")
		}
		seen[line.LineID] = true
	}
}

// checkKey refuses keys that say nothing or too much.
func (l *refusals) checkKey(key string) {
	if key == "" || len(key) > maxKey {
		l.add(retail.WhyInvalid, "idempotencyKey", "The key must have 1 to "+strconv.Itoa(maxKey)+" characters.")
	}
}

// checkReason refuses a reason that is too long to be one.
func (l *refusals) checkReason(reason string) {
	if len([]rune(reason)) > retail.MaxNoteLength {
		l.add(retail.WhyInvalid, "reason", "The reason must have at most "+strconv.Itoa(retail.MaxNoteLength)+" characters.")
	}
}

const maxKey = 200
