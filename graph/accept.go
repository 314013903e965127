package graph

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Media types of a response.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// negotiate picks the media type of the response from the Accept header; ok is false when the client takes neither.
// Plain JSON is the answer to clients that say nothing or take anything, as GraphQL over HTTP asks.
func negotiate(h http.Header) (media string, ok bool) {
	accept := h.Values("Accept")
	if len(accept) == 0 {
		return mediaJSON, true
	}
	if len(accept) == 1 {
		switch accept[0] {
		case mediaGraphQL:
			return mediaGraphQL, true
		case mediaJSON, "*/*":
			return mediaJSON, true
		}
	}
	var graphql, plain preference
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		kind, params, err := mime.ParseMediaType(part)
		if err != nil || (params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8")) {
			continue
		}
		graphql.weigh(kind, mediaGraphQL, params["q"])
		plain.weigh(kind, mediaJSON, params["q"])
	}
	switch {
	case graphql.q > plain.q, graphql.q > 0 && graphql.q == plain.q && graphql.exact == 3:
		return mediaGraphQL, true
	case plain.q > 0:
		return mediaJSON, true
	}
	return "", false
}

// preference is how much a client wants one media type: the weight of the most specific range that covers it.
type preference struct {
	q     float64
	exact int // 0 not covered, 1 by */*, 2 by application/*, 3 by name
}

func (p *preference) weigh(kind, media, weight string) {
	exact := 0
	switch kind {
	case media:
		exact = 3
	case "application/*":
		exact = 2
	case "*/*":
		exact = 1
	}
	if exact == 0 || exact < p.exact {
		return
	}
	q := 1.0
	if weight != "" {
		var err error
		if q, err = strconv.ParseFloat(weight, 64); err != nil || !(q >= 0 && q <= 1) {
			return
		}
	}
	p.q, p.exact = q, exact
}
