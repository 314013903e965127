package stock

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// Holds guards stock with claims: shoppers' holds, and what the orders of the gateway hold and have bought. The projection
// admits a claim, so that the rush for the last unit never reaches the ledger; the ledger records it and decides what is
// sold. Whatever the projection loses is counted anew from the ledger (rebuild.go).
type Holds struct {
	policy  HoldPolicy
	deps    HoldDeps
	watch   *watch
	metrics *holdMetrics
}

// HoldDeps are what holds need.
type HoldDeps struct {
	// Stock reads cells, knows places and asks systems of record; its clock and policy count here too.
	Stock      *Service
	Projection ClaimProjection
	Ledger     ClaimLedger
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil registers nothing
}

// NewHolds returns the guard of stock; the policy must be valid. It works while Run runs.
func NewHolds(policy HoldPolicy, deps HoldDeps) *Holds {
	w := newWatch()
	return &Holds{policy: policy, deps: deps, watch: w, metrics: newHoldMetrics(deps.Registerer, w)}
}

// Hold is units that a shopper has claimed at a place for a short time.
type Hold struct {
	ClaimID   string
	Location  *retail.Location
	Lines     []HoldLine
	State     HoldState
	ExpiresAt time.Time
	CreatedAt time.Time
}

// ID is the global id.
func (h *Hold) ID() string { return retail.GlobalID(retail.KindHold, h.ClaimID) }

// IsNode marks a type of the Node interface.
func (*Hold) IsNode() {}

// HoldLine is one SKU of a hold.
type HoldLine struct {
	SKU       string
	Requested int
	Held      int
}

// HoldState is how far a hold has come.
type HoldState string

// Hold states; all but the first are final.
const (
	HoldActive   HoldState = "ACTIVE"
	HoldExpired  HoldState = "EXPIRED"
	HoldReleased HoldState = "RELEASED"
	HoldOrdered  HoldState = "ORDERED" // it serves an order
)

// HoldRequest asks for a hold.
type HoldRequest struct {
	Actor retail.Actor
	// Key makes a repetition return the same hold.
	Key         string
	LocationRef string // global id or code of a store
	Items       []BasketItem
	// AllowPartial holds what there is, if that is anything.
	AllowPartial bool
}

// MaxHoldKey bounds an idempotency key in bytes.
const MaxHoldKey = 255

// holdPrefix starts the ids of shoppers' own holds.
const holdPrefix = "h-"

// holdID derives a claim's id, so that a repetition meets the same claim wherever it is handled.
func holdID(actor retail.Actor, key string) string {
	sum := sha256.Sum256([]byte(actor.Key() + "\x00" + key))
	return holdPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// Create holds items at a store for the actor. It refuses with WhyInvalid, WhyNotAllowed, WhyNotFound, WhyPlaceClosed,
// WhyStockUnknown, WhyLimitReached, and for each SKU concerned with WhyNotRanged or WhyInsufficientStock; a key that was
// used for another request is CodeConflict. Warnings tell which lines hold less than asked.
func (h *Holds) Create(ctx context.Context, r HoldRequest) (*Hold, []retail.Warning, error) {
	hold, warnings, err := h.create(ctx, r)
	return hold, warnings, h.metrics.count("create", err)
}

func (h *Holds) create(ctx context.Context, r HoldRequest) (*Hold, []retail.Warning, error) {
	caps := h.policy.caps(ctx, r.Actor)
	demand, err := r.validate(caps)
	if err != nil {
		return nil, nil, err
	}
	loc, err := h.visitable(ctx, r.LocationRef)
	if err != nil {
		return nil, nil, err
	}
	if err := h.mustKnow(ctx, loc, skusOf(demand)); err != nil {
		return nil, nil, err
	}
	now := h.now()
	claim := retail.Claim{
		ID: holdID(r.Actor, r.Key), Owner: r.Actor.Key(), LocationCode: loc.Code, Lines: demand,
		State: retail.ClaimHeld, CreatedAt: now, ExpiresAt: now.Add(h.policy.life(r.Actor)),
	}
	stored, short, err := h.admit(ctx, claim, caps, r.AllowPartial)
	if err != nil {
		return nil, nil, err
	}
	if stored == nil {
		return nil, nil, h.refuseShort(short, loc, r)
	}
	hold := h.view(*stored, loc)
	return hold, partialWarnings(hold), nil
}

// validate sums the items per SKU, by SKU.
func (r *HoldRequest) validate(caps HoldCaps) ([]retail.ClaimLine, error) {
	switch {
	case !r.Actor.Known():
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "a hold needs a session")
	case r.Key == "" || len(r.Key) > MaxHoldKey:
		return nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey", fmt.Sprintf("must have 1 to %d bytes", MaxHoldKey))
	case len(r.Items) == 0 || len(r.Items) > MaxBasketLines:
		return nil, retail.Refuse(retail.WhyInvalid, "items", fmt.Sprintf("must have 1 to %d lines", MaxBasketLines))
	}
	var refusals []error
	at := make(map[string]int, len(r.Items))
	demand := make([]retail.ClaimLine, 0, len(r.Items))
	for i := range r.Items {
		sku, quantity := retail.NormalizeSKU(r.Items[i].SKU), r.Items[i].Quantity
		field := fmt.Sprintf("items.%d.", i)
		switch {
		case !retail.ValidSKU(sku):
			refusals = append(refusals, retail.Refuse(retail.WhyInvalid, field+"sku", "is no SKU"))
			continue
		case quantity < 1 || quantity > MaxBasketQuantity:
			refusals = append(refusals, retail.Refuse(retail.WhyInvalid, field+"quantity",
				fmt.Sprintf("must be 1 to %d", MaxBasketQuantity)))
			continue
		}
		k, known := at[sku]
		if !known {
			k, at[sku] = len(demand), len(demand)
			demand = append(demand, retail.ClaimLine{SKU: sku})
		}
		demand[k].Quantity += quantity
		if caps.UnitsPerSKU > 0 && demand[k].Quantity > caps.UnitsPerSKU {
			refusal := retail.Refuse(retail.WhyLimitReached, field+"quantity", "more units of one SKU than may be held")
			refusal.SKU, refusal.Limit = sku, &caps.UnitsPerSKU
			refusals = append(refusals, refusal)
		}
	}
	slices.SortFunc(demand, func(a, b retail.ClaimLine) int { return strings.Compare(a.SKU, b.SKU) })
	return demand, errors.Join(refusals...)
}

// visitable finds a store where shoppers can collect.
func (h *Holds) visitable(ctx context.Context, ref string) (*retail.Location, error) {
	s := h.deps.Stock
	locs, err := s.deps.Directory.Resolve(ctx, []string{ref})
	if retail.CodeOf(err) == retail.CodeNotFound || (err == nil && len(locs) != 1) {
		return nil, retail.Refuse(retail.WhyNotFound, "locationId", "there is no such place")
	}
	if err != nil {
		return nil, err
	}
	loc := locs[0]
	closed := loc.Kind != retail.Store
	if !closed {
		ready := s.ready.by(s.policy, loc, h.now(), s.deps.Queue(loc.Code))
		closed = ready.reason == PickupDisabled || ready.reason == ClosedBeforeReady
	}
	if closed {
		refusal := retail.Refuse(retail.WhyPlaceClosed, "locationId", "nothing can be collected at this place")
		refusal.LocationCode = loc.Code
		return nil, refusal
	}
	return loc, nil
}

// mustKnow refuses when a silent backend leaves open what the place has.
func (h *Holds) mustKnow(ctx context.Context, loc *retail.Location, skus []string) error {
	_, err := h.read(ctx, loc, skus)
	return err
}

// read reads the cells of a place, or refuses with WhyStockUnknown.
func (h *Holds) read(ctx context.Context, loc *retail.Location, skus []string) (*grid, error) {
	s, now := h.deps.Stock, h.now()
	g := s.read(ctx, skus, []retail.Candidate{{Location: loc}}, nil, now)
	if !s.view(g, now)[0].known {
		refusal := retail.Refuse(retail.WhyStockUnknown, "", "nobody knows at the moment what this place has")
		refusal.LocationCode = loc.Code
		return nil, refusal
	}
	return g, nil
}

// refuseShort says which lines fall short, and by how much as the actor may know it.
func (h *Holds) refuseShort(short []Shortfall, loc *retail.Location, r HoldRequest) error {
	first := make(map[string]int, len(r.Items))
	for i := len(r.Items) - 1; i >= 0; i-- {
		first[retail.NormalizeSKU(r.Items[i].SKU)] = i
	}
	slices.SortFunc(short, func(a, b Shortfall) int { return first[a.SKU] - first[b.SKU] })
	return h.refusals(short, loc.Code, r.Actor.WorksAt(loc.Code), func(sku string) string {
		return fmt.Sprintf("items.%d.quantity", first[sku])
	})
}

func (h *Holds) refusals(short []Shortfall, locationCode string, exact bool, field func(sku string) string) error {
	list := make([]error, len(short))
	for i, s := range short {
		refusal := retail.Refuse(retail.WhyNotRanged, field(s.SKU), "the place does not carry it")
		if s.Ranged {
			refusal = retail.Refuse(retail.WhyInsufficientStock, field(s.SKU), "the place has not enough of it")
			available := h.deps.Stock.policy.disclose(s.Available, exact).Value
			refusal.Available = &available
		}
		refusal.SKU, refusal.LocationCode = s.SKU, locationCode
		list[i] = refusal
	}
	return errors.Join(list...)
}

func partialWarnings(hold *Hold) []retail.Warning {
	var warnings []retail.Warning
	for _, l := range hold.Lines {
		if l.Held < l.Requested {
			warnings = append(warnings, retail.Warning{
				Code: retail.WarnPartial, Target: l.SKU, Message: fmt.Sprintf("%d of %d are held", l.Held, l.Requested),
			})
		}
	}
	return warnings
}

// Get loads a hold of the actor; one of somebody else reads WhyNotFound.
func (h *Holds) Get(ctx context.Context, actor retail.Actor, id string) (*Hold, error) {
	claim, err := h.own(ctx, actor, id)
	if err != nil {
		return nil, h.metrics.count("get", err)
	}
	hold, err := h.viewOf(ctx, claim)
	return hold, h.metrics.count("get", err)
}

// Held sums the holds of an owner (Actor.Key) that are active and serve no order. A cart counts them as the shopper's, because
// what places offer leaves them out.
func (h *Holds) Held(ctx context.Context, owner string) (retail.Held, error) {
	claims, err := h.deps.Ledger.HeldBy(ctx, owner, h.now())
	if err != nil {
		return nil, err
	}
	held := retail.Held{}
	for _, c := range claims {
		if held[c.LocationCode] == nil {
			held[c.LocationCode] = map[string]int{}
		}
		for _, l := range c.Lines {
			held[c.LocationCode][l.SKU] += l.Quantity
		}
	}
	return held, nil
}

// Give makes the member's what a guest holds, for whoever signs in with a basket on hold. Idempotent. Caps do not count: nobody
// gets to hold more than before.
func (h *Holds) Give(ctx context.Context, guest, member retail.Actor) error {
	if guest.Role != "guest" || !guest.Known() || member.MemberID == "" {
		return retail.Refuse(retail.WhyNotAllowed, "", "a guest's holds go to the member who signed in")
	}
	return h.metrics.count("give", h.deps.Ledger.GiveHolds(ctx, guest.Key(), member.Key()))
}

// Extend lets a hold live on, within its longest life. It refuses with WhyNotFound, WhyHoldExpired, WhyHoldClosed, and
// WhyLimitReached when it may live no longer.
func (h *Holds) Extend(ctx context.Context, actor retail.Actor, id string) (*Hold, error) {
	hold, err := h.extend(ctx, actor, id)
	return hold, h.metrics.count("extend", err)
}

func (h *Holds) extend(ctx context.Context, actor retail.Actor, id string) (*Hold, error) {
	claim, err := h.own(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	if err := h.mustBeActive(claim); err != nil {
		return nil, err
	}
	now := h.now()
	most := claim.CreatedAt.Add(h.policy.MaxLifetime)
	if !most.After(claim.ExpiresAt) {
		refusal := retail.Refuse(retail.WhyLimitReached, "", "the hold may live no longer")
		minutes := int(h.policy.MaxLifetime.Minutes())
		refusal.Limit = &minutes
		return nil, refusal
	}
	stored, err := h.prolong(ctx, claim, "", min(h.policy.life(actor), most.Sub(now)))
	if err != nil {
		return nil, err
	}
	return h.viewOf(ctx, stored)
}

// Release gives a hold back. Releasing it twice is no mistake. It refuses with WhyNotFound, WhyHoldExpired, and
// WhyHoldClosed when it serves an order.
func (h *Holds) Release(ctx context.Context, actor retail.Actor, id string) (*Hold, error) {
	hold, err := h.release(ctx, actor, id)
	return hold, h.metrics.count("release", err)
}

func (h *Holds) release(ctx context.Context, actor retail.Actor, id string) (*Hold, error) {
	claim, err := h.own(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	if claim.State != retail.ClaimReleased {
		if err := h.mustBeActive(claim); err != nil {
			return nil, err
		}
		// The record first: what it has released is not counted again after a loss. The projection follows, at the latest when
		// the hold would have expired.
		if claim, err = h.deps.Ledger.EndClaim(ctx, claim.ID, retail.ClaimReleased); err != nil {
			return nil, err
		}
		if claim.State != retail.ClaimReleased {
			return nil, h.mustBeActive(claim)
		}
	}
	h.giveBack(ctx, claim)
	return h.viewOf(ctx, claim)
}

// own loads a claim that is the actor's own hold, at a place within reach.
func (h *Holds) own(ctx context.Context, actor retail.Actor, ref string) (retail.Claim, error) {
	missing := retail.Refuse(retail.WhyNotFound, "id", "there is no such hold")
	id := claimID(ref)
	if !strings.HasPrefix(id, holdPrefix) || len(id) > 64 || !actor.Known() {
		return retail.Claim{}, missing
	}
	claim, err := h.deps.Ledger.Claim(ctx, id)
	if retail.CodeOf(err) == retail.CodeNotFound ||
		(err == nil && (claim.Owner != actor.Key() || !retail.ReachOf(ctx).Location(claim.LocationCode))) {
		return retail.Claim{}, missing
	}
	return claim, err
}

// claimID takes a global id or a claim's own.
func claimID(ref string) string {
	if kind, key, ok := retail.ParseGlobalID(ref); ok && kind == retail.KindHold {
		return key
	}
	return ref
}

// mustBeActive refuses when a hold can be changed no more.
func (h *Holds) mustBeActive(c retail.Claim) error {
	switch h.state(c) {
	case HoldActive:
		return nil
	case HoldExpired:
		return retail.Refuse(retail.WhyHoldExpired, "id", "the hold's time is over")
	}
	return retail.Refuse(retail.WhyHoldClosed, "id", "the hold was released or serves an order")
}

func (h *Holds) state(c retail.Claim) HoldState {
	switch {
	case c.State == retail.ClaimReleased:
		return HoldReleased
	case c.State == retail.ClaimAllocated, c.State == retail.ClaimDone:
		return HoldOrdered
	case c.State == retail.ClaimExpired:
		return HoldExpired
	case c.OrderID != "":
		return HoldOrdered
	case !h.now().Before(c.ExpiresAt):
		return HoldExpired
	}
	return HoldActive
}

func (h *Holds) viewOf(ctx context.Context, c retail.Claim) (*Hold, error) {
	locs, err := h.deps.Stock.deps.Directory.Resolve(ctx, []string{c.LocationCode})
	if err != nil {
		return nil, err
	}
	return h.view(c, locs[0]), nil
}

func (h *Holds) view(c retail.Claim, loc *retail.Location) *Hold {
	hold := &Hold{ClaimID: c.ID, Location: loc, State: h.state(c), ExpiresAt: c.ExpiresAt, CreatedAt: c.CreatedAt}
	held := make(map[string]int, len(c.Lines))
	for _, l := range c.Lines {
		held[l.SKU] = l.Quantity
	}
	for _, l := range requestOf(c) {
		hold.Lines = append(hold.Lines, HoldLine{SKU: l.SKU, Requested: l.Quantity, Held: held[l.SKU]})
	}
	return hold
}

// requestOf is what a claim was asked for with.
func requestOf(c retail.Claim) []retail.ClaimLine {
	if c.Requested != nil {
		return c.Requested
	}
	return c.Lines
}

func skusOf(lines []retail.ClaimLine) []string {
	skus := make([]string, len(lines))
	for i, l := range lines {
		skus[i] = l.SKU
	}
	return skus
}

func (h *Holds) now() time.Time { return h.deps.Stock.deps.Now() }
