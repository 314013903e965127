package retail_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

const spoken = "Anna Wang, 17 Kanal Street"

type databaseFault struct{ state string }

func (databaseFault) Error() string      { return "invalid input: " + spoken }
func (d databaseFault) SQLState() string { return d.state }

func TestOfAFaultOnlyItsKindIsKept(t *testing.T) {
	var number int
	notANumber := json.Unmarshal([]byte(`"`+spoken+`"`), &number)
	_, noInstant := time.Parse(time.RFC3339, spoken)
	send := func(err error) error {
		return &url.Error{Op: "Get", URL: "http://shop/?name=" + spoken, Err: err}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New(spoken), "op: an error of type *errors.errorString"},
		{fmt.Errorf("%s: %w", spoken, databaseFault{"22P02"}), "op: SQLSTATE 22P02"},
		{databaseFault{"Anna!"}, "op: an error of type retail_test.databaseFault"},
		{send(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "op: connection refused"},
		{send(context.DeadlineExceeded), "op: the deadline passed"},
		{send(fmt.Errorf("malformed HTTP response %q", spoken)), "op: an error of type *errors.errorString"},
		{send(&net.DNSError{Name: spoken, Err: spoken}), "op: the name of the host was not resolved"},
		{fmt.Errorf("%s: %w", spoken, io.ErrUnexpectedEOF), "op: the answer was cut off"},
		{notANumber, "op: JSON of another type at byte 28"},
		{noInstant, "op: no instant"},
		{retail.Redact("inner", errors.New(spoken)), "op: inner: an error of type *errors.errorString"},
	} {
		got := retail.Redact("op", c.err)
		if got.Error() != c.want {
			t.Errorf("%v reads %q, want %q", c.err, got, c.want)
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%v is not found again", c.err)
		}
		if strings.Contains(fmt.Sprintf("%v %s %q", got, got, got), spoken) {
			t.Errorf("%v is repeated", c.err)
		}
	}
	if retail.Redact("op", nil) != nil {
		t.Error("nothing is something")
	}
}

func TestAReasonHasNoWordsOfOthers(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New(spoken), "an error of type *errors.errorString"},
		{retail.Refuse(retail.WhyInvalid, "", spoken), "INVALID"},
		{errors.Join(retail.Refuse(retail.WhyNotFound, "", spoken), retail.Refuse(retail.WhyNotAllowed, "", spoken)), "NOT_FOUND, NOT_ALLOWED"},
		{retail.BadInput("%s is no name", spoken), "BAD_INPUT"},
		{
			fmt.Errorf("%s: %w", spoken, retail.Unavailable(retail.SourceERP, retail.Redact("erp: coupons", databaseFault{"57014"}))),
			"ERP: UPSTREAM_UNAVAILABLE: erp: coupons: SQLSTATE 57014",
		},
		{
			&retail.Error{Code: retail.CodeTimeout, Source: retail.SourceERP, Err: retail.Unavailable(retail.SourceERP, errors.New(spoken))},
			"ERP: TIMEOUT: ERP: UPSTREAM_UNAVAILABLE: an error of type *errors.errorString",
		},
	} {
		if got := retail.Reason(c.err); got != c.want {
			t.Errorf("%v reads %q, want %q", c.err, got, c.want)
		}
	}
}
