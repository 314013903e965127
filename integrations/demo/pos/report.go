// How tills report to the head office, and how a test or a demo makes them fall silent.

package pos

import (
	"context"
	"time"
)

// Beat lets the tills of every place report now. Silent places report too, but are not heard.
func (s *Server) Beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, l := range s.lanes {
		l.reported = now
	}
}

// Run beats at an interval until ctx ends.
func (s *Server) Run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.Beat()
		}
	}
}

// SetPickQueue sets how many pick tasks are open at a place. A place without tills is an error.
func (s *Server) SetPickQueue(location string, open int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.lane(location)
	if err != nil {
		return err
	}
	l.pickQueue = open
	return nil
}

// SilenceTill cuts a place off from the head office or joins it again. Its tills go on selling, and what they sold
// appears when they are joined. A place without tills is an error.
func (s *Server) SilenceTill(location string, silent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.lane(location)
	if err != nil {
		return err
	}
	l.silenced = silent
	l.freeze(silent || s.frozen != nil)
	return nil
}
