package graph

// DecodeRequest exposes the request decoder to the fuzz test.
func DecodeRequest(body []byte) (query, operation string, variables map[string]any, ok bool) {
	limits := DefaultLimits()
	req, no := decodeRequest(body, &limits)
	if no != nil {
		return "", "", nil, false
	}
	return req.query, req.operation, req.variables, true
}

// Negotiate exposes content negotiation.
var Negotiate = negotiate
