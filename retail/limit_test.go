package retail_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

func TestARefusalSaysWhenToTryAgain(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		-time.Second: "1 second", 0: "1 second", time.Second: "1 second", 1001 * time.Millisecond: "2 seconds", 2 * time.Minute: "120 seconds",
		2*time.Minute + 1: "3 minutes", time.Hour: "60 minutes", 2*time.Hour + time.Second: "3 hours", 24 * time.Hour: "24 hours",
	} {
		r := retail.Limit{Most: 7, Per: time.Hour}.Refuse("code", wait)
		if r.Why != retail.WhyLimitReached || fmt.Sprint(r.Field) != "[code]" || *r.Limit != 7 || r.Message != "Too many tries: try again in "+want+"." {
			t.Errorf("%v: %+v", wait, r)
		}
	}
}

func TestLimitsThatLetNothingThroughAreNotValid(t *testing.T) {
	for l, want := range map[retail.Limit]bool{
		{Most: 1, Per: 1}: true, {Most: 0, Per: time.Hour}: false, {Most: -1, Per: time.Hour}: false, {Most: 5}: false, {}: false,
	} {
		if l.Valid() != want {
			t.Errorf("%+v", l)
		}
	}
}
