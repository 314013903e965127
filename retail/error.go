package retail

import (
	"context"
	"errors"
	"fmt"
)

// Code is a kind of failure, the closed list of `extensions.code`.
type Code string

// Codes that services and adapters use. The transport adds its own for requests that never reach a service.
const (
	CodeBadInput            Code = "BAD_INPUT"            // the caller sent something that can never work
	CodeNotFound            Code = "NOT_FOUND"            // there is no such thing, or it is not the caller's
	CodeUnauthenticated     Code = "UNAUTHENTICATED"      // the token is missing or not accepted
	CodeForbidden           Code = "FORBIDDEN"            // the caller lacks the right
	CodeConflict            Code = "CONFLICT"             // somebody else changed it meanwhile
	CodeLimitExceeded       Code = "LIMIT_EXCEEDED"       // a stated cap is exceeded
	CodeUpstreamUnavailable Code = "UPSTREAM_UNAVAILABLE" // a backend is down, slow or shedding; retryable
	CodeBadUpstream         Code = "BAD_UPSTREAM"         // a backend answered something unreadable
	CodeTimeout             Code = "TIMEOUT"              // the request's time is used up; retryable
	CodeInternal            Code = "INTERNAL"             // a defect of the gateway
)

// Error is a failure with a kind. Message is safe to show to the caller; Err is for the log only.
type Error struct {
	Code      Code
	Message   string
	Source    Source // backend that failed, empty when none
	Retryable bool
	Err       error
}

// Error says everything, for logs.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Source != "" {
		s = string(e.Source) + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of the given code with a message that is safe to show.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// BadInput returns a CodeBadInput error.
func BadInput(format string, args ...any) *Error { return Errorf(CodeBadInput, format, args...) }

// Unavailable says that a backend could not be reached in time.
func Unavailable(source Source, err error) *Error {
	return &Error{
		Code: CodeUpstreamUnavailable, Source: source, Retryable: true, Err: err,
		Message: "a system of record is not available",
	}
}

// BadUpstream says that a backend answered something unreadable.
func BadUpstream(source Source, err error) *Error {
	return &Error{
		Code: CodeBadUpstream, Source: source, Retryable: true, Err: err,
		Message: "a system of record gave an unreadable answer",
	}
}

// CodeOf returns the code of err: its own, CodeTimeout for an exceeded or cancelled context, else CodeInternal.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return CodeTimeout
	}
	return CodeInternal
}
