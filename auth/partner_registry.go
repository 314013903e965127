package auth

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/portico-retail/portico/retail"
)

// Registry is the partners that there are. What it knows changes as a whole or not at all. It is safe for concurrent use; the
// zero value knows nobody.
type Registry struct {
	partners atomic.Pointer[map[string]*Partner]
}

var _ Partners = (*Registry)(nil)

// MaxPartners bounds a registry.
const MaxPartners = 1000

// NewRegistry returns a registry of the partners, which must be valid and not be changed any more.
func NewRegistry(list ...*Partner) (*Registry, error) {
	r := &Registry{}
	return r, r.Replace(list)
}

// Partner returns the partner of a client id.
func (r *Registry) Partner(clientID string) (*Partner, bool) {
	p, ok := r.known()[clientID]
	return p, ok
}

// Reaches lists those of all partners.
func (r *Registry) Reaches() []*retail.Reach {
	known := r.Partners()
	list := make([]*retail.Reach, len(known))
	for i, p := range known {
		list[i] = p.Reach
	}
	return list
}

// Partners lists the partners by id.
func (r *Registry) Partners() []*Partner {
	known := r.known()
	list := make([]*Partner, 0, len(known))
	for _, id := range slices.Sorted(maps.Keys(known)) {
		list = append(list, known[id])
	}
	return list
}

func (r *Registry) known() map[string]*Partner {
	if known := r.partners.Load(); known != nil {
		return *known
	}
	return nil
}

// Replace makes list all the partners that there are; when one of them makes no sense it changes nothing. A partner that is as
// before stays the same object, so that what was made for its reach stays in use.
func (r *Registry) Replace(list []*Partner) error {
	return r.ReplaceAfter(list, func([]*retail.Reach) {})
}

// ReplaceAfter is Replace, with the reaches of all partners to come given to prepare before anybody is let in with one of them.
func (r *Registry) ReplaceAfter(list []*Partner, prepare func([]*retail.Reach)) error {
	if len(list) > MaxPartners {
		return fmt.Errorf("auth: there are more than %d partners", MaxPartners)
	}
	before, next := r.known(), make(map[string]*Partner, len(list))
	issuers, reaches := map[string]string{}, make([]*retail.Reach, 0, len(list))
	for _, p := range list {
		if err := p.Validate(); err != nil {
			return err
		}
		if next[p.ID] != nil {
			return fmt.Errorf("auth: the partner %s is named twice", p.ID)
		}
		if p.Keys != nil {
			if other, taken := issuers[p.Keys.Issuer]; taken {
				return fmt.Errorf("auth: the partners %s and %s have the same issuer", other, p.ID)
			}
			issuers[p.Keys.Issuer] = p.ID
		}
		if old := before[p.ID]; old != nil && reflect.DeepEqual(old, p) {
			p = old
		}
		next[p.ID], reaches = p, append(reaches, p.Reach)
	}
	prepare(reaches)
	r.partners.Store(&next)
	return nil
}
