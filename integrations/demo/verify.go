package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Verifier compares what a running gateway answers with the books of a trade.
type Verifier struct {
	Endpoint string // of GraphQL, for example http://127.0.0.1:8080/graphql
	Token    string // must carry the scope stock:read
	HTTP     *http.Client
}

const (
	skusPerCheck   = 100 // the gateway's limit
	sampledAbsent  = 100 // SKUs per place that must not be ranged
	mismatchesKept = 20
)

const stockQuery = `query Verify($skus: [String!]!, $at: [ID!]) { stockCheck(skus: $skus, locationIds: $at) { items {
	sku location { code } level quantity { value precision } reasons
	breakdown { onHand unsyncedSales allocated availableToPromise } } } }`

// Verify asks for every pair of the books, and per place for some SKUs that are not ranged there, and fills the
// verification part of report. By then the gateway must have applied everything that the backends state. An error means
// that the gateway could not be asked; what it answered wrongly is a mismatch.
func (v *Verifier) Verify(ctx context.Context, books map[Pair]int, report *Report) error {
	ranged, all := byLocation(books)
	for _, location := range slices.Sorted(maps.Keys(ranged)) {
		skus := ranged[location]
		for chunk := range slices.Chunk(skus, skusPerCheck) {
			items, err := v.ask(ctx, location, chunk)
			if err != nil {
				return err
			}
			for _, sku := range chunk {
				report.Pairs++
				report.compare(Pair{location, sku}, items[sku].differs(books[Pair{location, sku}]))
			}
		}
		absent := notAmong(all, skus, sampledAbsent)
		if len(absent) == 0 {
			continue
		}
		items, err := v.ask(ctx, location, absent)
		if err != nil {
			return err
		}
		for _, sku := range absent {
			report.NotRanged++
			report.compare(Pair{location, sku}, items[sku].isRanged())
		}
	}
	report.Verified = true
	return nil
}

func (r *Report) compare(p Pair, difference string) {
	if difference == "" {
		return
	}
	r.Mismatches++
	if len(r.Examples) < mismatchesKept {
		r.Examples = append(r.Examples, fmt.Sprintf("%s at %s: %s", p.SKU, p.Location, difference))
	}
}

// byLocation lists the SKUs of every place and all SKUs, sorted.
func byLocation(books map[Pair]int) (ranged map[string][]string, all []string) {
	ranged = map[string][]string{}
	seen := map[string]bool{}
	for p := range books {
		ranged[p.Location] = append(ranged[p.Location], p.SKU)
		seen[p.SKU] = true
	}
	for _, skus := range ranged {
		slices.Sort(skus)
	}
	return ranged, slices.Sorted(maps.Keys(seen))
}

// notAmong picks at most n of all, evenly, that are not in skus; both are sorted.
func notAmong(all, skus []string, n int) []string {
	var rest []string
	for _, sku := range all {
		if _, found := slices.BinarySearch(skus, sku); !found {
			rest = append(rest, sku)
		}
	}
	if len(rest) <= n {
		return rest
	}
	out := make([]string, n)
	for i := range out {
		out[i] = rest[i*len(rest)/n]
	}
	return out
}

// stockItem is one answer of the gateway; nil when there was none.
type stockItem struct {
	SKU      string `json:"sku"`
	Location struct {
		Code string `json:"code"`
	} `json:"location"`
	Level    string `json:"level"`
	Quantity *struct {
		Value     int    `json:"value"`
		Precision string `json:"precision"`
	} `json:"quantity"`
	Reasons   []string `json:"reasons"`
	Breakdown *struct {
		OnHand             int `json:"onHand"`
		UnsyncedSales      int `json:"unsyncedSales"`
		Allocated          int `json:"allocated"`
		AvailableToPromise int `json:"availableToPromise"`
	} `json:"breakdown"`
}

// differs says how the answer contradicts the books; empty when it does not.
func (i *stockItem) differs(books int) string {
	switch {
	case i == nil:
		return "no answer"
	case i.Breakdown == nil || i.Quantity == nil:
		return fmt.Sprintf("level %s without numbers, want %d", i.Level, books)
	}
	b, want := i.Breakdown, max(0, books)
	switch {
	case b.OnHand-b.UnsyncedSales-b.Allocated != books:
		return fmt.Sprintf("%d on hand − %d unsynced − %d allocated, want %d", b.OnHand, b.UnsyncedSales, b.Allocated, books)
	case b.AvailableToPromise != want:
		return fmt.Sprintf("available to promise %d, want %d", b.AvailableToPromise, want)
	case i.Quantity.Value != want || i.Quantity.Precision != "EXACT":
		return fmt.Sprintf("quantity %d %s, want %d EXACT", i.Quantity.Value, i.Quantity.Precision, want)
	case (i.Level == "OUT_OF_STOCK") != (want == 0), i.Level == "UNKNOWN":
		return fmt.Sprintf("level %s with %d", i.Level, want)
	}
	return ""
}

// isRanged says how the answer contradicts that the place does not carry the SKU.
func (i *stockItem) isRanged() string {
	if i == nil {
		return "no answer"
	}
	if !slices.Contains(i.Reasons, "NOT_RANGED") {
		return fmt.Sprintf("not ranged, but level %s, reasons %v", i.Level, i.Reasons)
	}
	return ""
}

// ask returns the gateway's answers for one place by SKU.
func (v *Verifier) ask(ctx context.Context, location string, skus []string) (map[string]*stockItem, error) {
	body, err := json.Marshal(map[string]any{
		"query": stockQuery, "operationName": "Verify",
		"variables": map[string]any{"skus": skus, "at": []string{location}},
	})
	if err != nil {
		return nil, fmt.Errorf("demo: verify: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("demo: verify: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+v.Token)
	raw, err := do(v.HTTP, req)
	if err != nil {
		return nil, fmt.Errorf("demo: verify: %w", err)
	}
	return readItems(raw, location)
}

func readItems(raw []byte, location string) (map[string]*stockItem, error) {
	var reply struct {
		Data struct {
			StockCheck *struct {
				Items []*stockItem `json:"items"`
			} `json:"stockCheck"`
		} `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		return nil, fmt.Errorf("demo: verify: unreadable reply: %w", err)
	}
	if len(reply.Errors) > 0 || reply.Data.StockCheck == nil {
		var messages []string
		for _, e := range reply.Errors {
			messages = append(messages, e.Message)
		}
		return nil, fmt.Errorf("demo: verify: the gateway refuses: %s", strings.Join(messages, "; "))
	}
	items := make(map[string]*stockItem, len(reply.Data.StockCheck.Items))
	for _, item := range reply.Data.StockCheck.Items {
		if item != nil && item.Location.Code == location {
			items[item.SKU] = item
		}
	}
	return items, nil
}
