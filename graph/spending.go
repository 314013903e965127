package graph

import (
	"encoding/json"
	"math"
	"strconv"
)

// spending is what an operation costs its client.
type spending struct {
	requested, maximum int64
	rate               Rate // zero when nothing is charged
	remaining          int
}

// append writes the fields of `extensions.cost`: points of this operation and the most that one may have; where a rate
// applies, the points that the client has left and those that come back each second.
func (s *spending) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"requested":`...), s.requested, 10)
	b = strconv.AppendInt(append(b, `,"maximum":`...), s.maximum, 10)
	if !s.rate.Zero() {
		b = strconv.AppendInt(append(b, `,"remaining":`...), int64(s.remaining), 10)
		perSecond := math.Round(float64(s.rate.PerMinute)/60*1000) / 1000
		b = strconv.AppendFloat(append(b, `,"restoreRate":`...), perSecond, 'f', -1, 64)
	}
	return append(b, '}')
}

// report is the same for the extensions of an error.
func (s *spending) report() json.RawMessage { return s.append(nil) }
