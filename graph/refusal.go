package graph

import (
	"net/http"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/retail"
)

// Codes of requests that never reach a service; the others are retail.Code.
const (
	CodeParseFailed      retail.Code = "GRAPHQL_PARSE_FAILED"      // the document is no GraphQL
	CodeValidationFailed retail.Code = "GRAPHQL_VALIDATION_FAILED" // the document does not fit the schema
	CodeBadRequest       retail.Code = "BAD_REQUEST"               // the HTTP request is no GraphQL request
	CodeOverloaded       retail.Code = "OVERLOADED"                // the gateway sheds load; retryable
	CodeRateLimited      retail.Code = "RATE_LIMITED"              // the caller asked too much in too little time; retryable
)

// refusal is the answer to a request that is not executed: errors and no data.
type refusal struct {
	status int // HTTP status
	// understood marks a well-formed GraphQL request: a client that accepts only application/json reads 200.
	understood bool
	allow      string // Allow header of a 405
	retryAfter string // Retry-After header, seconds
	errs       gqlerror.List
	limits     *Limits // within which a document was refused; nil for other refusals
}

// badRequest refuses something that is no GraphQL request.
func badRequest(status int, message string) *refusal {
	return &refusal{status: status, errs: gqlerror.List{newError(CodeBadRequest, message)}}
}

// refuse refuses a GraphQL request that was understood.
func refuse(status int, errs ...*gqlerror.Error) *refusal {
	return &refusal{status: status, understood: true, errs: errs}
}

// overLimit refuses a request that exceeds the named limit.
func overLimit(limit string, maximum int) *refusal {
	return refuse(http.StatusBadRequest, limitError(limit, maximum))
}

// overloaded sheds a request; the client may try again soon.
func overloaded() *refusal {
	e := newError(CodeOverloaded, "the gateway is busy")
	e.Extensions["retryable"] = true
	return &refusal{status: http.StatusServiceUnavailable, retryAfter: "1", errs: gqlerror.List{e}}
}

// unverified puts off a request whose token nobody can check at the moment: a client that took it for a refusal would sign
// its user out.
func unverified() *refusal {
	e := newError(retail.CodeUpstreamUnavailable, "the token cannot be checked at the moment")
	e.Extensions["retryable"] = true
	return &refusal{status: http.StatusServiceUnavailable, retryAfter: "1", errs: gqlerror.List{e}}
}

func newError(code retail.Code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": string(code)}}
}

func limitError(limit string, maximum int) *gqlerror.Error {
	e := newError(retail.CodeLimitExceeded, "a limit is exceeded: "+limit)
	e.Extensions["limit"], e.Extensions["maximum"] = limit, maximum
	return e
}
