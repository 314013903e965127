package pos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// maxReceipts bounds one page of receipts.
const maxReceipts = 100

// Receipts lists a card's receipts that come after before, newest first, limit (100 at most) of them. One that cannot be
// read is left out and counted.
func (c *Client) Receipts(
	ctx context.Context, cardNumber string, before *retail.PurchaseKey, limit int,
) ([]retail.Receipt, error) {
	if !validCode(cardNumber) || limit < 1 {
		return nil, nil
	}
	limit = min(limit, maxReceipts)
	e := element{name: "ReceiptList", attrs: []string{"card", cardNumber, "limit", strconv.Itoa(limit)}}
	if before != nil {
		e.attrs = append(e.attrs, receiptsBefore(*before)...)
	}
	reply, err := exchange(ctx, c, c.live, e, (*reader).receipts)
	if err != nil {
		return nil, err
	}
	c.metrics.Quarantine(retail.SourcePOS, "receipt", reply.unreadable)
	if err := c.checkReceipts(&reply, cardNumber, limit); err != nil {
		return nil, err
	}
	slices.SortFunc(reply.receipts, func(a, b retail.Receipt) int {
		if purchaseKey(a).Before(purchaseKey(b)) {
			return 1
		}
		return -1
	})
	return reply.receipts, nil
}

func purchaseKey(r retail.Receipt) retail.PurchaseKey {
	return retail.PurchaseKey{At: r.At, Source: retail.SourcePOS, Number: r.Number}
}

// receiptsBefore is the position in a list of all purchases as one in the list of receipts.
func receiptsBefore(k retail.PurchaseKey) []string {
	switch {
	case k.Source == retail.SourcePOS && validKey(k.Number):
		return []string{"beforeAt", instant(k.At), "beforeNumber", k.Number}
	case k.Source > retail.SourcePOS: // receipts of its instant come before it
		return []string{"beforeAt", instant(k.At)}
	}
	return []string{"beforeAt", instant(k.At.Add(time.Nanosecond))}
}

// checkReceipts refuses a page that is not an answer to the question.
func (c *Client) checkReceipts(reply *receiptsReply, cardNumber string, limit int) error {
	if len(reply.receipts)+reply.unreadable > limit || (len(reply.receipts) == 0 && reply.unreadable > 0) {
		return retail.BadUpstream(retail.SourcePOS, fmt.Errorf(
			"pos: %d receipts and %d that are unreadable, of %d", len(reply.receipts), reply.unreadable, limit))
	}
	for _, r := range reply.receipts {
		if r.CardNumber != cardNumber {
			return retail.BadUpstream(retail.SourcePOS, errors.New("pos: a receipt is not of the card"))
		}
	}
	return nil
}

// Receipt loads one by number.
func (c *Client) Receipt(ctx context.Context, number string) (*retail.Receipt, error) {
	if !validKey(number) {
		return nil, notFound("receipt")
	}
	reply, err := exchange(ctx, c, c.live, element{name: "ReceiptInquiry", attrs: []string{"number", number}}, (*reader).receipts)
	if err != nil {
		return nil, err
	}
	if len(reply.receipts) != 1 || reply.receipts[0].Number != number {
		return nil, retail.BadUpstream(retail.SourcePOS, errors.New("pos: the reply is not the receipt that was asked for"))
	}
	return &reply.receipts[0], nil
}
