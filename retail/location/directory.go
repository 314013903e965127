package location

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/refresh"
)

// Config says how the directory is kept up to date.
type Config struct {
	Refresh time.Duration // how often the source is asked
	MaxAge  time.Duration // an older directory is STALE
}

// DefaultConfig asks every minute and calls ten minutes stale.
func DefaultConfig() Config { return Config{Refresh: time.Minute, MaxAge: 10 * time.Minute} }

// Validate checks the configuration.
func (c Config) Validate() error {
	if c.Refresh <= 0 || c.MaxAge < c.Refresh {
		return errors.New("location: refresh must be positive and at most the maximum age")
	}
	return nil
}

// Deps are what the directory needs.
type Deps struct {
	Source Source
	Log    *slog.Logger
	Now    func() time.Time // time.Now when nil
	Rand   func() float64   // uniform in [0, 1), for jitter; a seeded generator when nil
}

// Directory is the snapshot of all locations. It is safe for concurrent use; before the first load it is empty.
type Directory struct {
	config     Config
	deps       Deps
	publishing sync.Mutex // of current with what is held
	held       []*retail.Reach
	current    atomic.Pointer[snapshot]
}

// snapshot is immutable, except that views keeps parts of it.
type snapshot struct {
	all         []*retail.Location // by code
	byCode      map[string]*retail.Location
	grid        *grid
	version     uint64
	asOf        time.Time
	quarantined int
	views       *retail.Views[retail.ReachKey, *snapshot]
}

// New returns an empty directory; Run or Refresh fills it. The configuration must be valid.
func New(config Config, deps Deps) *Directory {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Rand == nil {
		deps.Rand = rand.Float64
	}
	d := &Directory{config: config, deps: deps}
	d.current.Store(newSnapshot(nil, time.Time{}, 0))
	return d
}

// Run keeps the directory up to date until ctx ends. While the source fails the last snapshot stays in force.
func (d *Directory) Run(ctx context.Context) {
	refresh.Default(d.config.Refresh, d.deps.Rand).Run(ctx, d.Refresh, func(err error, pause time.Duration) {
		d.deps.Log.LogAttrs(ctx, slog.LevelWarn, "locations not refreshed",
			slog.String("error", err.Error()), slog.Duration("retry", pause), slog.Time("asOf", d.current.Load().asOf))
	})
}

// Refresh loads the locations once. It fails, and changes nothing, when the source fails or names no location at all.
func (d *Directory) Refresh(ctx context.Context) error {
	asked := d.deps.Now()
	list, quarantined, err := d.deps.Source.Locations(ctx)
	if err != nil {
		return err
	}
	next := newSnapshot(list, asked, quarantined)
	if len(next.all) == 0 {
		return retail.BadUpstream(retail.SourceERP, errors.New("no usable location"))
	}
	old := d.publish(ctx, next)
	if old.quarantined != next.quarantined {
		d.deps.Log.LogAttrs(ctx, slog.LevelWarn, "unreadable locations left out", slog.Int("count", next.quarantined))
	}
	return nil
}

// upcomingHolidays is how many days with other hours are kept of a place.
const upcomingHolidays = 60

// newSnapshot leaves out locations that no rule could serve, and repeats of a code.
func newSnapshot(list []*retail.Location, asOf time.Time, quarantined int) *snapshot {
	s := &snapshot{byCode: make(map[string]*retail.Location, len(list)), asOf: asOf, quarantined: quarantined}
	for _, l := range list {
		if l == nil || l.Code == "" || l.Zone == nil || !l.Position.Valid() || s.byCode[l.Code] != nil {
			s.quarantined++
			continue
		}
		published := *l
		published.Holidays = upcoming(l, asOf)
		s.byCode[l.Code] = &published
		s.all = append(s.all, &published)
	}
	slices.SortFunc(s.all, func(a, b *retail.Location) int { return cmp.Compare(a.Code, b.Code) })
	s.grid, s.version = newGrid(s.all), versionOf(s.all)
	s.views = retail.NewViews((*retail.Reach).LocationsKey, s.part)
	return s
}

// Hold makes what the reaches see of the directory, now and after every load, so that no request waits for it. It replaces those that
// were named before.
func (d *Directory) Hold(ctx context.Context, reaches []*retail.Reach) {
	d.publishing.Lock()
	defer d.publishing.Unlock()
	d.held = slices.DeleteFunc(slices.Clone(reaches), func(r *retail.Reach) bool { return !r.BoundsLocations() })
	d.current.Load().views.Hold(ctx, d.held)
}

// publish puts a load into force with all that is held of it, and returns what was in force.
func (d *Directory) publish(ctx context.Context, next *snapshot) *snapshot {
	d.publishing.Lock()
	defer d.publishing.Unlock()
	next.views.Hold(ctx, d.held)
	return d.current.Swap(next)
}

// within is the snapshot as if the places beyond the reach did not exist.
func (s *snapshot) within(r *retail.Reach) *snapshot {
	if !r.BoundsLocations() {
		return s
	}
	return s.views.Of(r)
}

func (s *snapshot) part(r *retail.Reach) *snapshot {
	part := &snapshot{byCode: make(map[string]*retail.Location, len(r.Locations)), asOf: s.asOf}
	for _, code := range r.Locations {
		if l := s.byCode[code]; l != nil && part.byCode[code] == nil {
			part.byCode[code] = l
			part.all = append(part.all, l)
		}
	}
	slices.SortFunc(part.all, func(a, b *retail.Location) int { return cmp.Compare(a.Code, b.Code) })
	part.grid, part.version = newGrid(part.all), versionOf(part.all)
	return part
}

// seen is the snapshot within the reach of ctx: whatever a caller asks, it is asked of this one.
func (d *Directory) seen(ctx context.Context) *snapshot {
	return d.current.Load().within(retail.ReachOf(ctx))
}

// upcoming keeps the holidays from yesterday on: hours of yesterday may still run past midnight.
func upcoming(l *retail.Location, now time.Time) []retail.HolidayHours {
	yesterday := retail.DateOf(now.In(l.Zone).AddDate(0, 0, -1))
	days := slices.DeleteFunc(slices.Clone(l.Holidays), func(h retail.HolidayHours) bool { return h.Date < yesterday })
	slices.SortStableFunc(days, func(a, b retail.HolidayHours) int { return cmp.Compare(a.Date, b.Date) })
	return days[:min(len(days), upcomingHolidays)]
}

// Ready reports whether the directory was loaded once.
func (d *Directory) Ready() bool { return !d.current.Load().asOf.IsZero() }

// Freshness dates the directory: PROJECTED within the agreed age, else STALE.
func (d *Directory) Freshness() retail.Freshness { return d.freshness(d.current.Load()) }

func (d *Directory) freshness(s *snapshot) retail.Freshness {
	now := d.deps.Now()
	basis := retail.BasisProjected
	if s.asOf.IsZero() || now.Sub(s.asOf) > d.config.MaxAge {
		basis = retail.BasisStale
	}
	return retail.FreshnessAt(s.asOf, now, retail.SourceERP, basis)
}

// Quarantined is the number of locations that the last load left out.
func (d *Directory) Quarantined() int { return d.current.Load().quarantined }

// All lists every location by code, whoever asks: it is for what the gateway does on its own. The slice must not be changed.
func (d *Directory) All() []*retail.Location { return d.current.Load().all }

// ByCode returns the location with this code, whoever asks: it is for codes that a record states. What a caller names is
// asked of Find and Resolve.
func (d *Directory) ByCode(code string) (*retail.Location, bool) {
	l, ok := d.current.Load().byCode[code]
	return l, ok
}

// Within lists the locations within the reach of ctx by code; the slice must not be changed.
func (d *Directory) Within(ctx context.Context) []*retail.Location { return d.seen(ctx).all }

// Find returns the location with this code, if it is within the reach of ctx.
func (d *Directory) Find(ctx context.Context, code string) (*retail.Location, bool) {
	l, ok := d.seen(ctx).byCode[code]
	return l, ok
}

// Resolve turns global ids and codes into locations, in the order asked and without repeats. A ref that names no location
// within the reach of ctx is CodeNotFound; one that cannot name any is CodeBadInput.
func (d *Directory) Resolve(ctx context.Context, refs []string) ([]*retail.Location, error) {
	s := d.seen(ctx)
	list := make([]*retail.Location, 0, len(refs))
	for _, ref := range refs {
		l, err := s.resolve(ref)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list, nil
}

func (s *snapshot) resolve(ref string) (*retail.Location, error) {
	if l := s.byCode[ref]; l != nil {
		return l, nil
	}
	kind, code, isID := retail.ParseGlobalID(ref)
	if l := s.byCode[code]; isID && kind == retail.KindLocation && l != nil {
		return l, nil
	}
	switch {
	case isID && kind != retail.KindLocation:
		return nil, retail.BadInput("%.40q is the id of another kind of object than a location", ref)
	case isID || retail.ValidLocationCode(ref):
		return nil, retail.Errorf(retail.CodeNotFound, "there is no location %.40q", ref)
	}
	return nil, retail.BadInput("%.40q is no location id or code", ref)
}

// OpenNow reports whether customers can walk in at this moment; only stores let customers in.
func (d *Directory) OpenNow(l *retail.Location) bool {
	return l.Kind == retail.Store && l.OpenAt(d.deps.Now())
}
