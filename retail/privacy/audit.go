package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// AuditEntry is one row of the audit log. Each names the hash of the one before it, so that none can be changed, taken out, put
// in or moved without all that follow it.
type AuditEntry struct {
	Seq     int64 // 1, 2, 3, …
	At      int64 // microseconds since 1970
	Subject string
	KeyID   string // of the key behind Hash; empty when it is a plain SHA-256
	Body    []byte // the disclosure, as EncodeDisclosure wrote it
	Prev    []byte // Hash of the entry before; of the first one 32 zero bytes
	Hash    []byte // 32 bytes
}

// AuditHead names the last entry of the log: whoever knows it sees whether the log's end was cut off.
type AuditHead struct {
	Seq  int64 // 0 of an empty log
	Hash []byte
}

// String is SEQ:HASH.
func (h AuditHead) String() string {
	return strconv.FormatInt(h.Seq, 10) + ":" + hex.EncodeToString(h.Hash)
}

// ParseAuditHead is the inverse of String.
func ParseAuditHead(s string) (AuditHead, error) {
	number, digest, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	sum, herr := hex.DecodeString(digest)
	if err != nil || herr != nil || seq < 0 || len(sum) != sha256.Size {
		return AuditHead{}, errors.New("privacy: a head of the audit log is SEQ:HASH")
	}
	return AuditHead{Seq: seq, Hash: sum}, nil
}

// AuditStart is the head of an empty log.
func AuditStart() AuditHead { return AuditHead{Hash: make([]byte, sha256.Size)} }

// AuditKey makes the hashes of the log such that only its holders can (HMAC-SHA-256, RFC 2104): whoever can write the table
// cannot make entries that pass. A nil key leaves them plain hashes.
type AuditKey struct {
	id     string
	secret []byte
}

// NewAuditKey returns the key of a secret of 32 to 1,024 bytes.
func NewAuditKey(secret []byte) (*AuditKey, error) {
	if len(secret) < 32 || len(secret) > 1024 {
		return nil, errors.New("privacy: the key of the audit log has 32 to 1024 bytes")
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("portico audit key id"))
	return &AuditKey{id: hex.EncodeToString(mac.Sum(nil)[:8]), secret: append([]byte{}, secret...)}, nil
}

// ID names the key without telling it; empty for nil.
func (k *AuditKey) ID() string {
	if k == nil {
		return ""
	}
	return k.id
}

// Next returns the entry that follows head.
func (k *AuditKey) Next(head AuditHead, d retail.Disclosure) (AuditEntry, error) {
	body, err := EncodeDisclosure(d)
	if err != nil {
		return AuditEntry{}, err
	}
	e := AuditEntry{
		Seq: head.Seq + 1, At: d.At.UnixMicro(), Subject: d.Subject, KeyID: k.ID(), Body: body, Prev: head.Hash,
	}
	e.Hash = k.sum(&e)
	return e, nil
}

// sum is the hash over everything else in the entry.
func (k *AuditKey) sum(e *AuditEntry) []byte {
	return k.hash([]byte("portico audit 1"), number(e.Seq), number(e.At), []byte(e.Subject), []byte(e.KeyID), e.Prev, e.Body)
}

// hash is over the parts, each behind its length.
func (k *AuditKey) hash(parts ...[]byte) []byte {
	var h hash.Hash
	if k == nil {
		h = sha256.New()
	} else {
		h = hmac.New(sha256.New, k.secret)
	}
	for _, part := range parts {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part))) // a hash never fails
		h.Write(part)
	}
	return h.Sum(nil)
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// disclosureText is the canonical form of a disclosure: these names in this order.
type disclosureText struct {
	At        int64    `json:"at"`
	Request   string   `json:"request"`
	Role      string   `json:"role"`
	Reader    string   `json:"reader"`
	Client    string   `json:"client"`
	Operation string   `json:"operation"`
	Subject   string   `json:"subject"`
	Purpose   string   `json:"purpose"`
	Fields    []string `json:"fields"`
	Full      bool     `json:"full"`
}

// EncodeDisclosure writes a disclosure as the log keeps it: JSON, the instant in microseconds.
func EncodeDisclosure(d retail.Disclosure) ([]byte, error) {
	fields := d.Fields
	if fields == nil {
		fields = []string{}
	}
	text, err := json.Marshal(disclosureText{
		At: d.At.UnixMicro(), Request: d.Request, Role: d.Role, Reader: d.Reader, Client: d.Client, Operation: d.Operation,
		Subject: d.Subject, Purpose: string(d.Purpose), Fields: fields, Full: d.Full,
	})
	if err != nil {
		return nil, fmt.Errorf("privacy: disclosure: %w", err)
	}
	return text, nil
}

// Disclosure reads the entry's body.
func (e *AuditEntry) Disclosure() (retail.Disclosure, error) {
	var t disclosureText
	if err := json.Unmarshal(e.Body, &t); err != nil {
		return retail.Disclosure{}, fmt.Errorf("privacy: entry %d cannot be read: %w", e.Seq, err)
	}
	return retail.Disclosure{
		At: time.UnixMicro(t.At).UTC(), Request: t.Request, Role: t.Role, Reader: t.Reader, Client: t.Client, Operation: t.Operation,
		Subject: t.Subject, Purpose: retail.Purpose(t.Purpose), Fields: t.Fields, Full: t.Full,
	}, nil
}
