package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type sentCart struct {
	ID       string
	Version  int
	Lines    []struct{ ID string }
	Problems []struct {
		Kind   string
		Blocks bool
	}
	Totals *struct{ Total struct{ Amount string } }
}

type sentOrder struct {
	ID, Status string
	Lines      []struct {
		ID, SKU  string
		Quantity int
	}
	Payments []struct{ Status, RedirectURL string }
	Timeline []struct {
		Kind string
		At   time.Time
	}
	Fulfillments []sentPart
}

type sentPart struct {
	ID, Method, Status string
	AcceptedAt         *time.Time
	Location           *struct{ Code string }
	PickupCode         *struct{ Code string }
	Decision           *struct{ AskedAt time.Time }
}

type pickupOption struct {
	Coverage string
	ReadyBy  string // empty when it cannot be collected
	Location struct{ Code string }
}

// sentPayload is the answer to any mutation; what it does not carry is nil.
type sentPayload struct {
	Session    *struct{ Token string }
	Cart       *sentCart
	Order      *sentOrder
	UserErrors []struct{ Code string }
}

// fault is a request that was not answered, or answered by an error.
type fault struct{ code string }

func (f *fault) Error() string { return "demo: the gateway answers " + f.code }

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 20

// ask sends a document and returns the data of its answer. An error of any field is a fault.
func (v *visit) ask(ctx context.Context, token, document string, variables map[string]any) (data json.RawMessage, err error) {
	defer func() {
		if failed := (*fault)(nil); errors.As(err, &failed) && ctx.Err() == nil {
			v.shoppers.count(func(st *ShopperStats) { st.Faults[failed.code]++ })
		}
	}()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.shoppers.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Channel", v.channel)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := v.shoppers.options.Client.Do(req)
	if err != nil {
		return nil, &fault{"NO_ANSWER"}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, &fault{"NO_ANSWER"}
	}
	var reply struct {
		Data   json.RawMessage
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, &fault{"HTTP_" + strconv.Itoa(resp.StatusCode)}
	}
	if len(reply.Errors) > 0 {
		return nil, &fault{"ERROR_" + reply.Errors[0].Extensions.Code}
	}
	return reply.Data, nil
}

// read asks a question and decodes the one field of its answer; a null leaves into as it is.
func (v *visit) read(ctx context.Context, document string, variables map[string]any, into any) error {
	data, err := v.ask(ctx, v.token, document, variables)
	if err != nil {
		return err
	}
	return field(data, into)
}

// twice is the share of changes that are sent again, as by a finger that taps twice: one in so many.
const twice = 20

// change sends a mutation under the shopper's key for what it does. A refusal is counted and returned.
func (v *visit) change(
	ctx context.Context, token, what, document string, variables map[string]any,
) (p sentPayload, refused string, err error) {
	if document != askSession { // which has none: nobody is known yet
		variables["key"] = v.key(what)
	}
	data, err := v.ask(ctx, token, document, variables)
	if err != nil {
		return p, "", err
	}
	if variables["key"] != nil && v.rng.IntN(twice) == 0 {
		again, err := v.ask(ctx, token, document, variables)
		if err == nil {
			v.shoppers.count(func(st *ShopperStats) {
				st.Repeated++
				if !bytes.Equal(data, again) {
					st.Contradicted++
				}
			})
		}
	}
	if err := field(data, &p); err != nil {
		return p, "", err
	}
	for _, e := range p.UserErrors {
		refused = e.Code
		act, _, _ := strings.Cut(what, " ")
		v.shoppers.count(func(st *ShopperStats) { st.Refusals[act+" "+e.Code]++ })
	}
	return p, refused, nil
}

// key is the same whenever the shopper tries the same thing again.
func (v *visit) key(what string) string {
	return fmt.Sprintf("%s-%d-%s", v.shoppers.run, v.n, strings.ReplaceAll(what, " ", "-"))
}

// field decodes the only field of data.
func field(data json.RawMessage, into any) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("demo: unreadable answer: %w", err)
	}
	for _, value := range fields {
		if err := json.Unmarshal(value, into); err != nil {
			return fmt.Errorf("demo: unreadable answer: %w", err)
		}
	}
	return nil
}

// confirm opens the address that a payment asked for, as the wallet app does.
func (v *visit) confirm(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := v.shoppers.options.Client.Do(req)
	if err != nil {
		return &fault{"NO_ANSWER"}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return &fault{"NO_ANSWER"}
	}
	return nil
}
