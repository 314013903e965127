package retail_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zones

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func everyDay(opens, closes retail.LocalTime) []retail.OpeningHours {
	var hours []retail.OpeningHours
	for day := 1; day <= 7; day++ {
		hours = append(hours, retail.OpeningHours{Weekday: day, Opens: opens, Closes: closes})
	}
	return hours
}

func local(t retail.LocalTime) *retail.LocalTime { return &t }

// written says windows as "day opens closes", in UTC.
func written(windows []retail.Window) []string {
	var lines []string
	for _, w := range windows {
		lines = append(lines, string(w.Day)+" "+w.Opens.UTC().Format("02T15:04")+" "+w.Closes.UTC().Format("02T15:04"))
	}
	return lines
}

func TestWindows(t *testing.T) {
	shanghai, newYork := zone(t, "Asia/Shanghai"), zone(t, "America/New_York")
	weekdays := everyDay("09:00", "21:00")[:5]
	for name, c := range map[string]struct {
		location retail.Location
		from     string
		days     int
		want     []string
	}{
		"today is cut by nothing, even when it has begun": {
			retail.Location{Zone: shanghai, Hours: everyDay("09:00", "21:00")},
			"2026-11-22T05:00:00Z", 2,
			[]string{"2026-11-22 22T01:00 22T13:00", "2026-11-23 23T01:00 23T13:00"},
		},
		"what is over is left out": {
			retail.Location{Zone: shanghai, Hours: everyDay("09:00", "21:00")},
			"2026-11-22T13:00:00Z", 2,
			[]string{"2026-11-23 23T01:00 23T13:00"},
		},
		"a day without hours is closed": { // 2026-11-22 is a Sunday
			retail.Location{Zone: shanghai, Hours: weekdays},
			"2026-11-22T05:00:00Z", 2,
			[]string{"2026-11-23 23T01:00 23T13:00"},
		},
		"a holiday replaces the weekday": {
			retail.Location{Zone: shanghai, Hours: weekdays, Holidays: []retail.HolidayHours{
				{Date: "2026-11-22", Opens: local("10:00"), Closes: local("12:00")}, {Date: "2026-11-23"},
			}},
			"2026-11-21T23:00:00Z", 3,
			[]string{"2026-11-22 22T02:00 22T04:00", "2026-11-24 24T01:00 24T13:00"},
		},
		"24:00 is midnight, and days round the clock touch": {
			retail.Location{Zone: shanghai, Hours: everyDay("00:00", "24:00")},
			"2026-11-21T16:00:00Z", 2,
			[]string{"2026-11-22 21T16:00 22T16:00", "2026-11-23 22T16:00 23T16:00"},
		},
		"closing before opening is past midnight, and yesterday's may still run": {
			retail.Location{Zone: shanghai, Hours: everyDay("18:00", "02:00")},
			"2026-11-21T17:00:00Z", 1,
			[]string{"2026-11-21 21T10:00 21T18:00", "2026-11-22 22T10:00 22T18:00"},
		},
		"a break at noon makes two": {
			retail.Location{Zone: shanghai, Hours: []retail.OpeningHours{
				{Weekday: 7, Opens: "14:00", Closes: "18:00"}, {Weekday: 7, Opens: "09:00", Closes: "12:00"},
			}},
			"2026-11-21T20:00:00Z", 1,
			[]string{"2026-11-22 22T01:00 22T04:00", "2026-11-22 22T06:00 22T10:00"},
		},
		"an overlap counts once": {
			retail.Location{Zone: shanghai, Hours: []retail.OpeningHours{
				{Weekday: 7, Opens: "09:00", Closes: "12:00"}, {Weekday: 7, Opens: "11:00", Closes: "13:00"},
			}},
			"2026-11-21T20:00:00Z", 1,
			[]string{"2026-11-22 22T01:00 22T04:00", "2026-11-22 22T04:00 22T05:00"},
		},
		"clocks that spring forward keep 09:00 local": {
			retail.Location{Zone: newYork, Hours: everyDay("09:00", "21:00")},
			"2026-03-07T12:00:00Z", 2,
			[]string{"2026-03-07 07T14:00 08T02:00", "2026-03-08 08T13:00 09T01:00"},
		},
		"a day of 25 hours is open 25 hours": {
			retail.Location{Zone: newYork, Hours: everyDay("00:00", "24:00")},
			"2026-11-01T05:00:00Z", 1,
			[]string{"2026-11-01 01T04:00 02T05:00"},
		},
		"unreadable or empty hours are closed": {
			retail.Location{Zone: shanghai, Hours: []retail.OpeningHours{
				{Weekday: 7, Opens: "9:00", Closes: "21:00"},
				{Weekday: 7, Opens: "10:00", Closes: "24:01"},
				{Weekday: 7, Opens: "10:00", Closes: "10:00"},
				{Weekday: 7, Opens: "10:60", Closes: "11:00"},
			}}, "2026-11-21T20:00:00Z", 1, nil,
		},
		"a place without a zone is taken as UTC": {
			retail.Location{Hours: everyDay("09:00", "10:00")},
			"2026-11-22T05:00:00Z", 1,
			[]string{"2026-11-22 22T09:00 22T10:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, err := time.Parse(time.RFC3339, c.from)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, written(c.location.Windows(from, c.days))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A place is open exactly within its windows; they come in order, apart, and in the future.
func TestOpenAtAgreesWithWindows(t *testing.T) {
	zones := []*time.Location{zone(t, "Asia/Shanghai"), zone(t, "America/New_York"), zone(t, "Europe/London"), zone(t, "Pacific/Apia")}
	times := []retail.LocalTime{"00:00", "01:30", "02:30", "09:00", "12:00", "21:00", "23:59", "24:00"}
	rapid.Check(t, func(t *rapid.T) {
		l := retail.Location{Zone: rapid.SampledFrom(zones).Draw(t, "zone")}
		for range rapid.IntRange(0, 6).Draw(t, "entries") {
			l.Hours = append(l.Hours, retail.OpeningHours{
				Weekday: rapid.IntRange(1, 7).Draw(t, "weekday"),
				Opens:   rapid.SampledFrom(times).Draw(t, "opens"), Closes: rapid.SampledFrom(times).Draw(t, "closes"),
			})
		}
		year := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		at := year.Add(time.Duration(rapid.IntRange(0, 525_600).Draw(t, "minute")) * time.Minute)
		windows := l.Windows(at, 7)
		for i, w := range windows {
			switch {
			case !w.Closes.After(w.Opens) || !w.Closes.After(at):
				t.Fatalf("window %d is over: %v", i, w)
			case i > 0 && w.Opens.Before(windows[i-1].Closes):
				t.Fatalf("window %d overlaps its predecessor", i)
			}
		}
		open := len(windows) > 0 && !windows[0].Opens.After(at)
		if got := l.OpenAt(at); got != open {
			t.Fatalf("open at %v: got %v, the windows say %v", at, got, open)
		}
	})
}

func TestLocalTimeOnADay(t *testing.T) {
	at, ok := retail.LocalTime("24:00").On("2026-11-22", zone(t, "Asia/Shanghai"))
	if want := time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC); !ok || !at.Equal(want) {
		t.Errorf("got %v, %v, want %v", at, ok, want)
	}
	if _, ok := retail.LocalTime("12:00").On("2026-02-30", time.UTC); ok {
		t.Error("the 30th of February is a day")
	}
}
