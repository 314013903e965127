package privacy

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
)

// AuditMark is what is noted of the log's end besides the log: the head, made with the key as entries are. An end that was cut
// off contradicts it. Whoever can write the table can put back an older end together with the mark of that time; only heads that
// were noted elsewhere show that.
type AuditMark struct {
	AuditHead
	KeyID string
	Sum   []byte // 32 bytes
}

// Mark notes a head.
func (k *AuditKey) Mark(head AuditHead) AuditMark {
	return AuditMark{AuditHead: head, KeyID: k.ID(), Sum: k.hash([]byte("portico audit mark 1"), number(head.Seq), head.Hash, []byte(k.ID()))}
}

// Made reports whether a mark was made with the key.
func (k *AuditKey) Made(m AuditMark) bool {
	return m.KeyID == k.ID() && hmac.Equal(m.Sum, k.Mark(m.AuditHead).Sum)
}

// keyKeeper is the role of the entries that begin a key.
const keyKeeper = "audit-key"

// Begin returns the entry behind head that begins the key: whoever makes it has looked at all entries before it, and the key
// vouches for them from then on. Before is the key that they were made with, empty for none.
func (k *AuditKey) Begin(head AuditHead, before string, at time.Time) (AuditEntry, error) {
	return k.Next(head, retail.Disclosure{At: at, Role: keyKeeper, Reader: before, Client: k.ID()})
}

// AuditCheck walks the log from its first entry. Keys are those that it may be made with. A key follows another, or none, only
// with the entry that begins it; with any keys, what was made without one must be followed by such an entry.
type AuditCheck struct {
	keys   map[string]*AuditKey
	expect []AuditHead
	mark   *AuditMark
	head   AuditHead
	keyID  string
}

// NewAuditCheck returns a check. Expected heads were noted earlier: the log must still have these entries.
func NewAuditCheck(keys []*AuditKey, expected ...AuditHead) *AuditCheck {
	c := &AuditCheck{keys: map[string]*AuditKey{}, expect: expected, head: AuditStart()}
	for _, k := range keys {
		c.keys[k.ID()] = k
	}
	return c
}

// Expect says where the log ended, or ends, by its mark. Read the mark before the log.
func (c *AuditCheck) Expect(m AuditMark) {
	c.mark = &m
	c.expect = append(c.expect, m.AuditHead)
}

// Next looks at the entry that follows; an error says what is wrong with it.
func (c *AuditCheck) Next(e *AuditEntry) error {
	key, known := c.keys[e.KeyID]
	switch {
	case e.Seq != c.head.Seq+1:
		return fmt.Errorf("entry %d follows entry %d", e.Seq, c.head.Seq)
	case !hmac.Equal(e.Prev, c.head.Hash):
		return fmt.Errorf("entry %d does not follow from the one before", e.Seq)
	case e.KeyID != "" && !known:
		return fmt.Errorf("entry %d was made with the key %.16q, which was not given", e.Seq, e.KeyID)
	case !hmac.Equal(e.Hash, key.sum(e)):
		return fmt.Errorf("entry %d is not what was written", e.Seq)
	}
	d, err := e.Disclosure()
	if err != nil {
		return err
	}
	if d.Subject != e.Subject || d.At.UnixMicro() != e.At {
		return fmt.Errorf("entry %d contradicts itself", e.Seq)
	}
	if begins := d.Role == keyKeeper && d.Reader == c.keyID && d.Client == e.KeyID; e.KeyID != c.keyID && e.Seq > 1 && !begins {
		return fmt.Errorf("entry %d has another key than the one before, and does not begin it", e.Seq)
	}
	for _, h := range c.expect {
		if h.Seq == e.Seq && !hmac.Equal(h.Hash, e.Hash) {
			return fmt.Errorf("entry %d is another than the one expected", e.Seq)
		}
	}
	c.head, c.keyID = AuditHead{Seq: e.Seq, Hash: e.Hash}, e.KeyID
	return nil
}

// End says what is missing at the end of the log.
func (c *AuditCheck) End() error {
	for _, h := range c.expect {
		if h.Seq > c.head.Seq {
			return fmt.Errorf("the log ends at entry %d, and entry %d was expected", c.head.Seq, h.Seq)
		}
	}
	switch {
	case len(c.keys) > 0 && c.head.Seq > 0 && c.keyID == "":
		return fmt.Errorf("the last entry, %d, was made without a key", c.head.Seq)
	case c.mark == nil:
		return nil
	case c.mark.KeyID != "" && c.keys[c.mark.KeyID] == nil:
		return fmt.Errorf("the mark of the end was made with the key %.16q, which was not given", c.mark.KeyID)
	case !c.keys[c.mark.KeyID].Made(*c.mark):
		return errors.New("the mark of the end is not what was written")
	case len(c.keys) > 0 && c.mark.KeyID == "" && c.mark.Seq > 0:
		return errors.New("the mark of the end was made without a key")
	}
	return nil
}

// Head is the last entry that was sound.
func (c *AuditCheck) Head() AuditHead { return c.head }

// KeyID is the key of that entry, empty for none.
func (c *AuditCheck) KeyID() string { return c.keyID }
