// LogRead: a fair share of every lane asked, then the disorder of the switchboard.

package pos

import "github.com/portico-retail/portico/integrations/demo/faults"

// entry is one transaction of a reply.
type entry struct {
	location string
	transaction
}

// readLog answers at most req.max entries. Late transactions that have not arrived are left out, as holes in the lane; what
// has left the log stays a hole, which a reader closes by CounterSnapshot.
func (s *Server) readLog(out []byte, req logRead) ([]byte, error) {
	state := s.board.Get()
	entries, beats, err := s.collect(req, state)
	if err != nil {
		return nil, err
	}
	if state.Duplicate > 0 {
		entries = s.repeat(entries, req.max, state.Duplicate)
	}
	if state.Reorder {
		s.board.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	}
	out = append(out, `<LogReadReply>`...)
	for i := range entries {
		out = appendTransaction(out, &entries[i])
	}
	for _, beat := range beats {
		out = appendHeartbeat(out, beat)
	}
	return append(out, `</LogReadReply>`...), nil
}

func (s *Server) collect(req logRead, state faults.State) ([]entry, []heartbeat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := make([][]transaction, len(req.lanes))
	sizes := make([]int, len(req.lanes))
	beats := make([]heartbeat, len(req.lanes))
	for i, asked := range req.lanes {
		l, err := s.lane(asked.location)
		if err != nil {
			return nil, nil, err
		}
		waiting[i], beats[i] = l.after(asked.after), l.heartbeat()
		sizes[i] = len(waiting[i])
	}
	s.turn++
	now, delay := s.now(), state.Delay()
	var entries []entry
	for i, quota := range quotas(sizes, req.max, s.turn) {
		for j := 0; j < len(waiting[i]) && quota > 0; j++ {
			if t := &waiting[i][j]; t.visible(now, delay) {
				entries = append(entries, entry{req.lanes[i].location, *t})
				quota--
			}
		}
	}
	return entries, beats, nil
}

// quotas shares limit out over lanes that have so many entries waiting: nobody gets more than a lane that still waits.
// When there is less than one each, the lanes from first on are served.
func quotas(sizes []int, limit, first int) []int {
	out := make([]int, len(sizes))
	for limit > 0 {
		hungry := 0
		for i, size := range sizes {
			if out[i] < size {
				hungry++
			}
		}
		if hungry == 0 {
			break
		}
		round := max(1, limit/hungry)
		for k := range sizes {
			i := (k + first) % len(sizes)
			more := min(round, sizes[i]-out[i], limit)
			out[i] += more
			limit -= more
		}
	}
	return out
}

// repeat doubles a share of the entries as far as limit allows; what does not fit any more comes with the next read.
func (s *Server) repeat(entries []entry, limit int, share float64) []entry {
	out := make([]entry, 0, min(limit, 2*len(entries)))
	for _, e := range entries {
		if len(out) < limit {
			out = append(out, e)
		}
		if len(out) < limit && s.board.Share(share) {
			out = append(out, e)
		}
	}
	return out
}
