package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/retail"
)

// deeds carries out what people and systems outside the gateway do, a line each:
//
//	pick PLACE [SKU=REJECTED]…    staff pick every task of the place, as soon as there is one
//	courier ORDER PART            the courier takes the next step; "courier fails ORDER PART" gives up
//	confirm PAYMENT               the shopper confirms in the wallet app; "decline PAYMENT" does not
//	parcel ORDER RETURN           the clerk has the parcel of a return
//	message PHONE NAME            the code of the latest text message is saved under the name
//	sell PLACE SKU QUANTITY       a till sells to somebody without a card
//	books PLACE SKU DELTA         the ERP counts more or less
//	price SKU AMOUNT              the ERP has a new price from now on
//	later DURATION                the gateway's clock is so far ahead; 0s is back in step
//	fault ERP|POS|SHOP SWITCH     down, lose (replies), stale or off
//
// ORDER is a global id, PLACE a code.
func (j *journey) deeds(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(j.filled(t, line))
		if len(words) == 0 {
			continue
		}
		if err := j.deed(t, words); err != nil {
			t.Fatalf("step %d: %s: %v", j.step, strings.TrimSpace(line), err)
		}
	}
}

func (j *journey) deed(t *testing.T, words []string) error {
	t.Helper()
	ctx := context.Background()
	switch what, args := words[0], words[1:]; {
	case what == "pick" && len(args) >= 1:
		return j.pick(t, args[0], args[1:])
	case what == "courier" && len(args) == 3 && args[0] == "fails":
		return j.backends.FailDelivery(ctx, taskOf(args[1], args[2]))
	case what == "courier" && len(args) == 2:
		return j.backends.AdvanceDelivery(ctx, taskOf(args[0], args[1]))
	case what == "confirm" && len(args) == 1:
		return j.backends.ConfirmPayment(ctx, args[0])
	case what == "decline" && len(args) == 1:
		return j.backends.DeclinePayment(ctx, args[0])
	case what == "parcel" && len(args) == 2:
		return j.backends.ReceiveParcel(ctx, taskOf(args[0], args[1]))
	case what == "message" && len(args) == 2:
		code, err := j.backends.Messages(ctx, args[0])
		if err == nil && code == "" {
			err = errors.New("no message came")
		}
		j.saved[args[1]] = code
		return err
	case what == "sell" && len(args) == 3:
		quantity, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return j.sell(t, args[0], args[1], quantity)
	case what == "books" && len(args) == 3:
		delta, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return j.stand.ERP.Adjust(ctx, erp.Move{Location: args[0], SKU: args[1], Delta: delta})
	case what == "price" && len(args) == 2:
		_, err := j.stand.ERP.AddPrice(ctx, erp.Price{
			Item: args[0], Kind: erp.PricePromo, Channel: "*", Tier: "*", Amount: args[1], From: j.backends.Now().Add(-1), Name: "降价", NameEN: "Price cut",
		}, j.retailer.Currency)
		return err
	case what == "later" && len(args) == 1:
		d, err := time.ParseDuration(args[0])
		j.ahead.Store(int64(d))
		return err
	case what == "fault" && len(args) == 2:
		return j.fault(args[0], args[1])
	}
	return errors.New("nobody knows how to do that")
}

func (j *journey) fault(system, position string) error {
	state, ok := map[string]faults.State{
		"down": {Down: true}, "lose": {LoseReplies: 1}, "stale": {Stale: true}, "off": {},
	}[position]
	board := map[string]*faults.Board{"ERP": j.stand.ERPFaults, "POS": j.stand.POSFaults, "SHOP": j.stand.ShopFaults}[system]
	if !ok || board == nil {
		return errors.New("there is no such switch")
	}
	return board.Set(state)
}

// pick waits for tasks of a place and picks them all.
func (j *journey) pick(t *testing.T, place string, rejects []string) error {
	t.Helper()
	reject := map[string]int{}
	for _, each := range rejects {
		sku, n, _ := strings.Cut(each, "=")
		quantity, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		reject[sku] = quantity
	}
	var tasks []demo.Task
	eventually(t, func() (err error) {
		tasks, err = j.backends.Tasks(context.Background(), place)
		if err == nil && len(tasks) == 0 {
			err = fmt.Errorf("%s has nothing to pick", place)
		}
		return err
	})
	for _, task := range tasks {
		own := map[string]int{}
		for sku, n := range reject {
			if slices.ContainsFunc(task.Lines, func(l demo.TaskLine) bool { return l.SKU == sku }) {
				own[sku] = n
			}
		}
		if err := j.backends.Pick(context.Background(), task.Reference, own); err != nil {
			return err
		}
	}
	return nil
}

// taskOf is under which the other systems know a part of an order.
func taskOf(order, part string) string {
	if _, key, ok := retail.ParseGlobalID(order); ok {
		order = key
	}
	return order + "/" + part
}
