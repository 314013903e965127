package stock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// feedWorld is a till system with a log, and a projection; both can fail. It is safe for concurrent use.
type feedWorld struct {
	mu sync.Mutex

	// The source: everything it ever said, and how many facts a poll tells.
	log   []stock.Fact
	page  int
	polls []time.Time
	// onPoll may fail a poll; it runs without the lock.
	onPoll func(cursor string) error

	// The projection.
	layout  stock.Layout
	cells   map[stock.Pair]stock.Fact
	marks   map[stock.Place]time.Time
	begun   map[uint16]bool
	cursor  string
	calls   []string
	onWrite func(call string, partition uint16) error
}

func newFeedWorld(codes ...string) *feedWorld {
	w := &feedWorld{page: 2, layout: stock.Layout{}}
	w.wipe()
	for i, code := range codes {
		w.layout[code] = stock.Place{Partition: uint16(i), Slot: 0}
	}
	return w
}

// feed returns a new feed of the world, as a process that starts would make.
func (w *feedWorld) feed(change ...func(*stock.FeedConfig)) *stock.Feed {
	return w.feedWith(nil, change...)
}

func (w *feedWorld) feedWith(reg prometheus.Registerer, change ...func(*stock.FeedConfig)) *stock.Feed {
	cfg := stock.DefaultFeedConfig()
	for _, c := range change {
		c(&cfg)
	}
	return stock.NewFeed(retail.SourcePOS, cfg, stock.FeedDeps{
		Source: w, Projection: w, Layout: w.places, Now: time.Now,
		Random: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
		Registerer: reg,
	})
}

// say appends to the log of the source; the version is the position in the log.
func (w *feedWorld) say(location, sku string, value int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, stock.Fact{
		Location: location, SKU: sku, Source: retail.SourcePOS, Version: uint32(len(w.log) + 1), Value: value,
	})
}

func (w *feedWorld) wipe() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cells, w.marks, w.begun = map[stock.Pair]stock.Fact{}, map[stock.Place]time.Time{}, map[uint16]bool{}
	w.cursor = ""
}

func (w *feedWorld) place(location string, p stock.Place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := stock.Layout{location: p}
	for code, place := range w.layout {
		next[code] = place
	}
	w.layout = next
}

func (w *feedWorld) places() stock.Layout {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.layout
}

// failing sets what happens to writes from now on.
func (w *feedWorld) failing(onWrite func(call string, partition uint16) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onWrite = onWrite
}

// seen is what a test may look at while a feed runs.
type seen struct {
	cells  map[stock.Pair]stock.Fact
	cursor string
	calls  []string
	polls  []time.Time
}

func (w *feedWorld) seen() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return seen{maps.Clone(w.cells), w.cursor, slices.Clone(w.calls), slices.Clone(w.polls)}
}

// missing says what of the source is not in the projection, empty when nothing is.
func (w *feedWorld) missing() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	want := map[stock.Pair]stock.Fact{}
	for _, f := range w.log {
		if _, placed := w.layout[f.Location]; placed {
			want[stock.Pair{Location: f.Location, SKU: f.SKU}] = f
		}
	}
	for pair, f := range want {
		if w.cells[pair] != f {
			return fmt.Sprintf("%v is %+v, want %+v", pair, w.cells[pair], f)
		}
	}
	for code, place := range w.layout {
		if w.marks[place].IsZero() {
			return code + " has no watermark"
		}
	}
	return ""
}

// promised says which watermark promises a fact that the projection does not have, empty when none does.
func (w *feedWorld) promised() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.log {
		place, placed := w.layout[f.Location]
		have := w.cells[stock.Pair{Location: f.Location, SKU: f.SKU}]
		if placed && w.marks[place].Year() >= int(f.Version)+2000 && have.Version < f.Version {
			return fmt.Sprintf("%+v is not in the projection, which is dated %v", f, w.marks[place])
		}
	}
	return ""
}

// Poll tells the log from cursor on; the date of each place is the position in the log, as a year.
func (w *feedWorld) Poll(_ context.Context, cursor string) (stock.Batch, error) {
	w.mu.Lock()
	w.polls = append(w.polls, time.Now())
	onPoll := w.onPoll
	w.mu.Unlock()
	if onPoll != nil {
		if err := onPoll(cursor); err != nil {
			return stock.Batch{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	from := 0
	if cursor != "" {
		from, _ = strconv.Atoi(cursor)
	}
	to := min(len(w.log), from+w.page)
	b := stock.Batch{Facts: append([]stock.Fact(nil), w.log[from:to]...), Cursor: strconv.Itoa(to), More: to < len(w.log)}
	for _, f := range slices.Backward(b.Facts) { // every source repeats itself, in no order
		b.Facts = append(b.Facts, f)
	}
	seen := map[string]bool{}
	for _, f := range w.log {
		seen[f.Location] = true
	}
	for code := range w.layout {
		seen[code] = true
	}
	for code := range seen {
		if !b.More {
			b.Marks = append(b.Marks, stock.Mark{
				Location: code, Source: retail.SourcePOS, AsOf: time.Date(2000+to, 1, 1, 0, 0, 0, 0, time.UTC),
			})
		}
		b.Queues = append(b.Queues, stock.Queue{Location: code, Open: to})
	}
	return b, nil
}

// write begins a call of the projection: it counts it and lets it fail. The caller unlocks.
func (w *feedWorld) write(call string, partition uint16) error {
	w.mu.Lock()
	var err error
	if w.onWrite != nil {
		err = w.onWrite(call, partition)
	}
	if err == nil {
		w.calls = append(w.calls, call)
	}
	return err
}

func (w *feedWorld) Begin(_ context.Context, _ retail.Source, layout stock.Layout) error {
	err := w.write("begin", 0)
	defer w.mu.Unlock()
	for _, p := range layout {
		w.begun[p.Partition] = w.begun[p.Partition] || err == nil
	}
	return err
}

func (w *feedWorld) Apply(_ context.Context, partition uint16, writes []stock.Write) error {
	if len(writes) == 0 {
		return nil
	}
	err := w.write("apply", partition)
	defer w.mu.Unlock()
	if err == nil && !w.begun[partition] {
		return stock.ErrLost
	}
	for _, one := range writes {
		pair := stock.Pair{Location: one.Fact.Location, SKU: one.SKU}
		if err == nil && w.cells[pair].Version < one.Fact.Version {
			w.cells[pair] = *one.Fact
		}
	}
	return err
}

func (w *feedWorld) Advance(_ context.Context, partition uint16, marks []stock.PlaceMark) error {
	if len(marks) == 0 {
		return nil
	}
	err := w.write("advance", partition)
	defer w.mu.Unlock()
	if err != nil {
		return err
	}
	if !w.begun[partition] {
		return stock.ErrLost
	}
	for _, m := range marks {
		place := stock.Place{Partition: partition, Slot: m.Slot}
		if w.marks[place].IsZero() && !m.First {
			return stock.ErrLost
		}
		if m.AsOf.After(w.marks[place]) {
			w.marks[place] = m.AsOf
		}
	}
	return nil
}

func (w *feedWorld) Cursor(context.Context, retail.Source) (string, error) {
	err := w.write("cursor", 0)
	defer w.mu.Unlock()
	return w.cursor, err
}

func (w *feedWorld) SaveCursor(_ context.Context, _ retail.Source, cursor string) error {
	err := w.write("save", 0)
	defer w.mu.Unlock()
	if err == nil {
		w.cursor = cursor
	}
	return err
}

var errInjected = errors.New("injected")
