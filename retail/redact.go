package retail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Redact returns what is left of a fault of another system, or of a library that quotes one: op, which is the program's own
// name for what it did, and a reason of a closed vocabulary, with a code where there is one. The words of the fault, which may
// repeat whatever was sent, are gone for good. errors.Is still finds what it found in err, errors.As nothing.
func Redact(op string, err error) error {
	if err == nil {
		return nil
	}
	return &redacted{text: op + ": " + reasonOf(err), cause: err}
}

type redacted struct {
	text  string
	cause error
}

func (r *redacted) Error() string        { return r.text }
func (r *redacted) Reason() string       { return r.text }
func (r *redacted) Is(target error) bool { return errors.Is(r.cause, target) }

// reasons are the faults that have a name of their own, the first that fits.
var reasons = []struct {
	is   error
	text string
}{
	{context.DeadlineExceeded, "the deadline passed"},
	{context.Canceled, "cancelled"},
	{io.ErrUnexpectedEOF, "the answer was cut off"},
	{io.EOF, "the connection was closed"},
	{net.ErrClosed, "the connection was closed"},
	{driver.ErrBadConn, "the connection broke"},
	{sql.ErrConnDone, "the connection broke"},
	{sql.ErrTxDone, "the transaction is over"},
	{sql.ErrNoRows, "no rows"},
}

// reasonOf never repeats a word of err: system calls and SQLSTATEs have closed vocabularies.
func reasonOf(err error) string {
	var (
		own      interface{ Reason() string }
		state    interface{ SQLState() string }
		coded    interface{ Code() int }
		sys      syscall.Errno
		name     *net.DNSError
		trust    *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		syntax   *json.SyntaxError
		mismatch *json.UnmarshalTypeError
		instant  *time.ParseError
		slow     net.Error
	)
	switch {
	case errors.As(err, &own):
		return own.Reason()
	case errors.As(err, &state) && isSQLState(state.SQLState()):
		return "SQLSTATE " + state.SQLState()
	case errors.As(err, &coded):
		return "code " + strconv.Itoa(coded.Code())
	case errors.As(err, &sys):
		return sys.Error()
	case errors.As(err, &name):
		return "the name of the host was not resolved"
	case errors.As(err, &trust), errors.As(err, &unknown):
		return "the certificate is not trusted"
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &mismatch):
		return fmt.Sprintf("JSON of another type at byte %d", mismatch.Offset)
	case errors.As(err, &instant):
		return "no instant"
	}
	for _, r := range reasons {
		if errors.Is(err, r.is) {
			return r.text
		}
	}
	if errors.As(err, &slow) && slow.Timeout() {
		return "timed out"
	}
	return "an error of type " + innermost(err)
}

func isSQLState(s string) bool {
	return len(s) == 5 && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') })
}

// innermost is the type of the first cause.
func innermost(err error) string {
	for next := err; next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return fmt.Sprintf("%T", err)
}

// Reason says why something failed without a word that the program did not choose: the codes and systems of an Error, the kinds
// of refusals, and what Redact would leave of the rest. It is what may be kept for long, where nobody knows whose values a text
// repeats.
func Reason(err error) string {
	var e *Error
	refusals, refused := RefusalsOf(err)
	switch {
	case err == nil:
		return ""
	case refused:
		kinds := make([]string, len(refusals))
		for i, r := range refusals {
			kinds[i] = string(r.Why)
		}
		return strings.Join(kinds, ", ")
	case !errors.As(err, &e):
		return reasonOf(err)
	}
	text := string(e.Code)
	if e.Source != "" {
		text = string(e.Source) + ": " + text
	}
	if e.Err != nil {
		text += ": " + Reason(e.Err)
	}
	return text
}
