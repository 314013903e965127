package ordering_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/retail"
)

// spot is a call of an undisturbed journey.
type spot struct {
	n     int
	name  string
	after bool
}

// spots runs the journey undisturbed and lists its calls, before and after they act. Of calls that meet the order in one and the
// same state only the first two count: a question that is put a hundred times while nothing happens is disturbed twice.
// Unless PORTICO_TEST_THOROUGH is set, every tenth is taken.
func (j journey) spots(t *testing.T) (list []spot) {
	synctest.Test(t, func(t *testing.T) {
		trip, seen := j.start(t), map[string]int{}
		trip.fault = func(n int, name string, after bool) error {
			state := fmt.Sprint(name, after, trip.state())
			if seen[state]++; seen[state] <= 2 {
				list = append(list, spot{n, name, after})
			}
			return nil
		}
		j.acts(trip)
		trip.settle(10 * 24 * time.Hour)
	})
	if os.Getenv("PORTICO_TEST_THOROUGH") != "" {
		return list
	}
	var some []spot
	for i := len(j.name) % 10; i < len(list); i += 10 {
		some = append(some, list[i])
	}
	return some
}

// state is everything that is stored of the order but when it is looked at.
func (j *trip) state() string {
	if _, known := j.books.orders[j.id]; !known {
		return ""
	}
	o := j.order()
	o.Version, o.Saga.WakeAt, o.Saga.Failures = 0, time.Time{}, 0
	text, err := json.Marshal(o)
	if err != nil {
		j.t.Fatalf("%v", err)
	}
	return string(text)
}

// everywhere runs every journey once for every spot and does something there; same says whether it must end as if nothing had
// happened. What must hold at the end is checked in any case.
func everywhere(t *testing.T, same bool, what func(trip *trip) error) {
	for _, j := range journeys() {
		t.Run(j.name, func(t *testing.T) {
			spots := j.spots(t)
			for _, at := range spots {
				reached := false
				synctest.Test(t, func(t *testing.T) {
					trip := j.start(t)
					trip.fault = func(n int, _ string, _ bool) error {
						if n != at.n || reached {
							return nil
						}
						reached = true
						return what(trip)
					}
					trip.finish()
					if got := trip.ending(); same && !strings.HasSuffix(j.want, got) && got != j.or {
						t.Errorf("got  %s\nwant %s", got, j.want)
					}
				})
				if !reached {
					t.Fatalf("there is no call %d", at.n)
				}
				if t.Failed() {
					t.Fatalf("disturbed at call %d, %s, after it acted: %v", at.n, at.name, at.after)
				}
			}
			if len(spots) < 3 {
				t.Errorf("only %d spots", len(spots))
			}
		})
	}
}

// The process is killed before and after every single call that it makes to another system or to its ledger, one kill per run. A
// new process must bring every journey to the same end.
func TestAJourneyEndsTheSameWhereverTheProcessDies(t *testing.T) {
	everywhere(t, true, func(*trip) error { panic(killed{}) })
}

// Every call fails once, before it acted or after, and the process lives on.
func TestAJourneyEndsTheSameWhicheverCallFails(t *testing.T) {
	everywhere(t, true, func(*trip) error { return retail.Unavailable(retail.SourceShop, errBroken) })
}

// Another process brings the order forward while this one is in the middle of any call.
func TestAJourneyEndsTheSameWhenTwoProcessesAdvanceIt(t *testing.T) {
	everywhere(t, true, func(j *trip) error {
		return j.process().RunJob(context.Background(), j.id)
	})
}

// The shopper cancels while a process is in the middle of any call.
func TestACancellationMayComeAtAnyMoment(t *testing.T) {
	everywhere(t, false, func(j *trip) error {
		_, err := j.process().Cancel(context.Background(), j.journey.actor, j.id)
		if _, refused := retail.RefusalsOf(err); err != nil && !refused {
			return err
		}
		return nil
	})
}

// Each system is silent for a while, one after the other, from each journey's first call of it on.
func TestAJourneyEndsTheSameWhenASystemIsSilentForAWhile(t *testing.T) {
	for _, j := range journeys() {
		t.Run(j.name, func(t *testing.T) {
			names := map[string]bool{}
			for _, at := range j.spots(t) {
				names[at.name] = true
			}
			for name := range names {
				for _, after := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						trip, failed := j.start(t), 0
						trip.fault = func(_ int, call string, acted bool) error {
							if call != name || acted != after || failed == 4 {
								return nil
							}
							failed++
							return retail.Unavailable(retail.SourceShop, errBroken)
						}
						trip.finish()
						if got := trip.ending(); !strings.HasSuffix(j.want, got) && got != j.or {
							t.Errorf("%s failed 4 times, after it acted: %v\ngot  %s\nwant %s", name, after, got, j.want)
						}
					})
				}
			}
		})
	}
}
