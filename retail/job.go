package retail

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Job is work that must happen even if this process dies. The ledger stores it in the transaction of the fact that causes
// it and runs it at least once, so whatever a job does must bear being done again.
type Job struct {
	Kind JobKind
	Key  string    // what it is about: an order, a member
	At   time.Time // not before; zero means at once
}

// JobKind selects the handler.
type JobKind string

// Job kinds.
const (
	JobOrder  JobKind = "order"  // bring an order forward
	JobReturn JobKind = "return" // bring an order's returns and refunds forward
	JobMember JobKind = "member" // complete a member in every system
	JobData   JobKind = "data"   // bring a request about personal data forward
)

// Event is something that happened and that others may want to know: the ledger's outbox.
type Event struct {
	Seq     int64 // set by the ledger, grows in commit order
	Kind    EventKind
	Subject string // id of what it is about
	At      time.Time
	Data    map[string]string
}

// EventKind is what happened.
type EventKind string

// Event kinds.
const (
	EventOrderStatus  EventKind = "ORDER_STATUS"
	EventAlertRaised  EventKind = "ALERT_RAISED"
	EventAlertCleared EventKind = "ALERT_CLEARED"
)

// Alert is something that staff must look at. It is raised once and cleared when it is over.
type Alert struct {
	ID            string // derived from what it is about, so that it is raised once
	Kind          AlertKind
	OrderID       string
	OrderNumber   string
	FulfillmentID string
	LocationCode  string
	DueAt         time.Time // the promise that is broken
	RaisedAt      time.Time
	ClearedAt     *time.Time
}

// Cursor is the opaque cursor of the alert with this key.
func (k AlertKey) Cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte("a1:" + strconv.FormatInt(k.At.UnixMicro(), 36) + ":" + k.ID))
}

// ParseAlertCursor is the inverse of AlertKey.Cursor, to the microsecond.
func ParseAlertCursor(cursor string) (AlertKey, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	parts := strings.SplitN(string(raw), ":", 3)
	if err != nil || len(cursor) > 300 || len(parts) != 3 || parts[0] != "a1" || parts[2] == "" {
		return AlertKey{}, BadInput("after is not a cursor of this list")
	}
	micros, err := strconv.ParseInt(parts[1], 36, 64)
	k := AlertKey{At: time.UnixMicro(micros).UTC(), ID: parts[2]}
	if err != nil || k.Cursor() != cursor {
		return AlertKey{}, BadInput("after is not a cursor of this list")
	}
	return k, nil
}

// AlertKind is what is wrong.
type AlertKind string

// Alert kinds.
const (
	AlertTaskNotAccepted AlertKind = "TASK_NOT_ACCEPTED" // the place's system has not taken the task for too long
	AlertLate            AlertKind = "LATE"              // not ready, or not delivered, by the promise
	AlertRefundStuck     AlertKind = "REFUND_STUCK"      // money asked back long ago
	AlertOrderInReview   AlertKind = "ORDER_IN_REVIEW"   // somebody has to look at the order
)

// AlertQuery selects alerts; empty fields select all.
type AlertQuery struct {
	LocationCodes []string // nil means everywhere
	Open          *bool    // nil means cleared ones too
	Before        *AlertKey
	Limit         int
}

// AlertKey is a place in the list of alerts, newest first.
type AlertKey struct {
	At time.Time // RaisedAt
	ID string
}
