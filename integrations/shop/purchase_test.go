package shop_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/retail"
)

func TestAccountsAreReadWholeAndReplacedWhole(t *testing.T) {
	s := openSite(t)
	li, err := s.Account(t.Context(), "u-li")
	want := &retail.Account{
		ID: "u-li", PreferredStore: "S-1", UpdatedAt: noon,
		Profile: retail.Profile{
			Name: "李雷", Phone: lisPhone, PhoneVerified: true, Email: "li@example.com", UnionID: "wx-li", Birthday: "1990-05-01",
		},
		Addresses: []retail.DeliveryAddress{{
			ID: "d-home", Recipient: "李雷", Phone: lisPhone, Position: &retail.GeoPoint{Latitude: 31.2, Longitude: 121.5},
			Address: retail.Address{CountryCode: "CN", Province: "上海市", City: "上海市", District: "黄浦区", Line: "南京东路 1 号", PostalCode: "200001"},
		}},
	}
	if diff := cmp.Diff(want, li); diff != "" || err != nil {
		t.Fatalf("account: %v (-want +got):\n%s", err, diff)
	}
	s.pass(time.Minute)
	change := *li
	change.PreferredStore = "S-2"
	change.Addresses = append(slices.Clone(li.Addresses), retail.DeliveryAddress{Recipient: "韩梅梅", Address: retail.Address{Line: "淮海路 2 号"}})
	first, err := s.UpdateAccount(t.Context(), change)
	if err != nil || first.PreferredStore != "S-2" || len(first.Addresses) != 2 || first.Addresses[0].ID != "d-home" || first.Addresses[1].ID == "" || !first.UpdatedAt.Equal(s.now()) {
		t.Fatalf("update: %+v, %v", first, err)
	}
	s.pass(time.Minute)
	again, err := s.UpdateAccount(t.Context(), change)
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("the same update again: %v (-first +again):\n%s", err, diff)
	}
	change.Addresses = make([]retail.DeliveryAddress, 21)
	if _, err := s.UpdateAccount(t.Context(), change); retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("21 addresses: %v", err)
	}
}

func TestAccountsAreFoundByProofOnly(t *testing.T) {
	s := openSite(t)
	for name, tc := range map[string]struct {
		phone, unionID string
		want           []string
	}{
		"a verified phone":                {lisPhone, "", []string{"u-li"}},
		"a phone that was never verified": {wusPhone, "", nil},
		"a union id":                      {"", "wx-li", []string{"u-li"}},
		"both of one person":              {lisPhone, "wx-li", []string{"u-li"}},
		"nothing at all":                  {"", "", nil},
		"what nobody has":                 {"+8613800009999", "wx-x", nil},
	} {
		found, err := s.FindAccounts(t.Context(), tc.phone, tc.unionID)
		var got []string
		for _, a := range found {
			got = append(got, a.ID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestAVerificationCodeIsGoodOnce(t *testing.T) {
	s := openSite(t)
	check := func(reference, code string, want bool) {
		t.Helper()
		if got, err := s.CheckCode(t.Context(), reference, lisPhone, code); got != want || err != nil {
			t.Errorf("check %s: %v, %v, want %v", reference, got, err, want)
		}
	}
	for range 2 {
		if err := s.SendCode(t.Context(), "v-1", lisPhone); err != nil {
			t.Fatal(err)
		}
	}
	sent := s.codes(t, lisPhone)
	if len(sent) != 1 || len(sent[0]) != 6 {
		t.Fatalf("codes sent under one reference: %q", sent)
	}
	check("c-1", "000000x", false)
	check("c-2", "not a code", false)
	check("c-3", sent[0], true)
	check("c-3", sent[0], true)
	check("c-4", sent[0], false)

	if err := s.SendCode(t.Context(), "v-2", lisPhone); err != nil {
		t.Fatal(err)
	}
	code := s.codes(t, lisPhone)[0]
	s.pass(5 * time.Minute)
	check("c-5", code, false)

	if err := s.SendCode(t.Context(), "v-3", lisPhone); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		check(fmt.Sprint("c-wrong-", i), "x", false)
	}
	check("c-6", s.codes(t, lisPhone)[0], false)
}

func TestCartsChangeByCompareAndSet(t *testing.T) {
	s := openSite(t)
	empty, err := s.CreateCart(t.Context(), "k-1", "guest:a")
	if err != nil || empty.Version != 1 || len(empty.Lines) != 0 || empty.Owner != "guest:a" {
		t.Fatalf("create: %+v, %v", empty, err)
	}
	if other, err := s.CreateCart(t.Context(), "k-2", "guest:a"); err != nil || other.ID != empty.ID {
		t.Errorf("a second cart of the owner: %+v, %v", other, err)
	}
	change := *empty
	change.Lines = []retail.CartLine{
		{ID: "1", SKU: "10000017", Quantity: 3, Method: retail.MethodPickup, LocationCode: "S-1", SeenPrice: yuan(1990)},
		{ID: "2", SKU: "10000024", Quantity: 1, Method: retail.MethodShipping},
	}
	change.Coupons, change.Note, change.Owner = []string{"TEN"}, "bitte\nklingeln", "member:1"
	change.Address = &retail.DeliveryAddress{Recipient: "李雷", Address: retail.Address{Line: "南京东路 1 号"}, Position: &retail.GeoPoint{Latitude: 1, Longitude: 2}}
	saved, err := s.SaveCart(t.Context(), "s-1", &change)
	want := change
	want.Version, want.UpdatedAt = 2, s.now()
	if diff := cmp.Diff(&want, saved); diff != "" || err != nil {
		t.Fatalf("save: %v (-want +got):\n%s", err, diff)
	}
	if _, err := s.SaveCart(t.Context(), "s-2", &change); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("a save of an old version: %v", err)
	}
	next := *saved
	next.Note = ""
	if _, err := s.SaveCart(t.Context(), "s-3", &next); err != nil {
		t.Fatal(err)
	}
	if again, err := s.SaveCart(t.Context(), "s-1", &change); cmp.Diff(saved, again) != "" || err != nil {
		t.Errorf("the first save again: %+v, %v", again, err)
	}
	late := change
	late.Version = 3
	if again, err := s.SaveCart(t.Context(), "s-1", &late); cmp.Diff(saved, again) != "" || err != nil {
		t.Errorf("the first save again, made of what is there by now: %+v, %v", again, err)
	}
	if now, err := s.Cart(t.Context(), saved.ID); err != nil || now.Version != 3 || now.Note != "" {
		t.Errorf("now: %+v, %v", now, err)
	}
	if _, err := s.CartOf(t.Context(), "guest:a"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("the former owner's cart: %v", err)
	}
	if mine, err := s.CartOf(t.Context(), "member:1"); err != nil || mine.ID != saved.ID {
		t.Errorf("the new owner's cart: %+v, %v", mine, err)
	}
	for range 2 {
		if err := s.CloseCart(t.Context(), saved.ID, "o-1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CloseCart(t.Context(), saved.ID, "o-2"); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("closing for another order: %v", err)
	}
	if _, err := s.CartOf(t.Context(), "member:1"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an open cart after closing: %v", err)
	}
	closed, err := s.Cart(t.Context(), saved.ID)
	if err != nil || closed.OrderID != "o-1" {
		t.Fatalf("the closed cart: %+v, %v", closed, err)
	}
	if _, err := s.SaveCart(t.Context(), "s-9", closed); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("changing a closed cart: %v", err)
	}
	if fresh, err := s.CreateCart(t.Context(), "k-3", "member:1"); err != nil || fresh.ID == saved.ID {
		t.Errorf("a new cart after closing: %+v, %v", fresh, err)
	}
}

func TestAnOwnerIsNotGivenASecondOpenCart(t *testing.T) {
	s := openSite(t)
	guest, err := s.CreateCart(t.Context(), "k-1", "guest:a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateCart(t.Context(), "k-2", "member:1"); err != nil {
		t.Fatal(err)
	}
	if k, err := s.CreateCart(t.Context(), "k-1", "guest:b"); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("somebody else's reference: %+v, %v", k, err)
	}
	guest.Owner = "member:1"
	if _, err := s.SaveCart(t.Context(), "s-1", guest); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("a second cart for the member: %v", err)
	}
}

func TestOrdersAreListedWithThoseFromElsewhere(t *testing.T) {
	s := openSite(t)
	s.mustPlace(t, "P1")
	late := anOrder("P2")
	late.PlacedAt = noon.Add(time.Nanosecond)
	if err := s.PlaceOrder(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if err := s.ReportStatus(t.Context(), "P2", retail.OrderPaid, noon); err != nil {
		t.Fatal(err)
	}
	all, err := s.Orders(t.Context(), "u-li", nil, 100)
	if err != nil || len(all) != 9 {
		t.Fatalf("%d orders, %v", len(all), err)
	}
	want := retail.ShopOrder{
		Number: "P2", PlacedAt: late.PlacedAt, Status: "PAID", Total: yuan(3980),
		Lines: []retail.ReceiptLine{{SKU: "10000017", Quantity: 2, Total: yuan(3980)}},
	}
	if diff := cmp.Diff(want, all[0]); diff != "" || all[8].Status != "交易成功" {
		t.Errorf("newest (-want +got):\n%s\noldest %+v", diff, all[8])
	}
	for size := 1; size <= 9; size++ {
		var walked []retail.ShopOrder
		var before *retail.PurchaseKey
		for {
			page, err := s.Orders(t.Context(), "u-li", before, size)
			if err != nil {
				t.Fatal(err)
			}
			walked = append(walked, page...)
			if len(page) < size {
				break
			}
			last := page[size-1]
			before = &retail.PurchaseKey{At: last.PlacedAt, Source: retail.SourceShop, Number: last.Number}
		}
		if diff := cmp.Diff(all, walked); diff != "" {
			t.Errorf("pages of %d (-all +walked):\n%s", size, diff)
		}
	}
	at := all[3].PlacedAt // another order is of the same instant
	rest, err := s.Orders(t.Context(), "u-li", &retail.PurchaseKey{At: at, Source: retail.SourcePOS, Number: "zzz"}, 100)
	if err != nil || len(rest) == 0 || !rest[0].PlacedAt.Equal(at) {
		t.Errorf("behind a receipt of the same instant: %+v, %v", rest, err)
	}
	if _, err := s.Orders(t.Context(), "u-nobody", nil, 10); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown account: %v", err)
	}
}

func TestMoreOrdersThanAPageAreReadInOneGo(t *testing.T) {
	s := openSite(t)
	for i := range 150 {
		o := anOrder(fmt.Sprintf("P%03d", i))
		o.AccountID = "u-wu"
		if err := s.PlaceOrder(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]int{1: 1, 100: 100, 101: 101, 150: 150, 1000: 150} {
		got, err := s.Orders(t.Context(), "u-wu", nil, limit)
		if err != nil || len(got) != want || got[want-1].Number != fmt.Sprintf("P%03d", want-1) {
			t.Errorf("%d asked: %d read, %v", limit, len(got), err)
		}
	}
}

func TestAnOlderStatusChangesNothing(t *testing.T) {
	s := openSite(t)
	s.mustPlace(t, "P1")
	if err := s.ReportStatus(t.Context(), "P9", retail.OrderPaid, noon); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown order: %v", err)
	}
	for _, step := range []struct {
		report retail.OrderStatus
		after  time.Duration
		want   retail.OrderStatus
	}{
		{retail.OrderPreparing, 2, retail.OrderPreparing},
		{retail.OrderPaid, 3, retail.OrderPreparing},
		{retail.OrderShipped, 1, retail.OrderShipped},
		{retail.OrderCompleted, 0, retail.OrderCompleted},
		{retail.OrderShipped, 9, retail.OrderCompleted},
		{retail.OrderReturnRequested, 5, retail.OrderReturnRequested},
		{retail.OrderRefunded, 7, retail.OrderRefunded},
		{retail.OrderReturned, 6, retail.OrderRefunded},
		{retail.OrderReturnRequested, 8, retail.OrderReturnRequested}, // the rest comes back as well
		{retail.OrderCompleted, 8, retail.OrderReturnRequested},
	} {
		if err := s.ReportStatus(t.Context(), "P1", step.report, noon.Add(step.after*time.Minute)); err != nil {
			t.Fatal(err)
		}
		list, err := s.Orders(t.Context(), "u-li", nil, 1)
		if err != nil || list[0].Status != string(step.want) {
			t.Errorf("after %s at +%dm: %+v, %v, want %s", step.report, step.after, list, err, step.want)
		}
	}
}

func TestAnOrderKeepsItsContent(t *testing.T) {
	s := openSite(t)
	s.mustPlace(t, "P1")
	other := anOrder("P1")
	other.Totals.Total = yuan(1)
	if err := s.PlaceOrder(t.Context(), other); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the number with another total: %v", err)
	}
	stranger := anOrder("P2")
	stranger.AccountID = "u-nobody"
	if err := s.PlaceOrder(t.Context(), stranger); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown account: %v", err)
	}
	guest := anOrder("P3")
	guest.AccountID, guest.Address = "", nil
	if err := s.PlaceOrder(t.Context(), guest); err != nil {
		t.Errorf("a guest's order: %v", err)
	}
}

func TestPaymentMethods(t *testing.T) {
	got, err := openSite(t).PaymentMethods(t.Context())
	if err != nil || len(got) != 6 || got[0] != (retail.PaymentMethod{Code: "wallet", Titles: retail.Text{Chinese: "钱包", English: "Wallet"}}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEachWayToPay(t *testing.T) {
	type moment struct {
		Status   retail.PaymentStatus
		Reason   string
		Redirect bool
		Events   []string
	}
	for method, tc := range map[string]struct {
		first moment
		then  func(t *testing.T, s *site)
		last  moment
	}{
		"wallet":  {first: moment{Status: retail.PaymentSucceeded, Events: []string{"PAYMENT p/1"}}},
		"twice":   {first: moment{Status: retail.PaymentSucceeded, Events: []string{"PAYMENT p/1", "PAYMENT p/1"}}},
		"decline": {first: moment{Status: retail.PaymentFailed, Reason: "insufficient funds", Events: []string{"PAYMENT p/1"}}},
		"barter":  {first: moment{Status: retail.PaymentFailed, Reason: "there is no such payment method", Events: []string{"PAYMENT p/1"}}},
		"slow": {
			first: moment{Status: retail.PaymentPending, Events: []string{}},
			then:  func(_ *testing.T, s *site) { s.pass(3 * time.Second) },
			last:  moment{Status: retail.PaymentSucceeded, Events: []string{"PAYMENT p/1"}},
		},
		"redirect": {
			first: moment{Status: retail.PaymentPending, Redirect: true, Events: []string{}},
			then: func(t *testing.T, s *site) {
				s.admin(t, http.MethodPost, "/admin/payments/p%2F1/confirm")
			},
			last: moment{Status: retail.PaymentSucceeded, Redirect: true, Events: []string{"PAYMENT p/1"}},
		},
	} {
		t.Run(method, func(t *testing.T) {
			s := openSite(t)
			o := s.mustPlace(t, "P1")
			if got := s.heard(t); !slices.Equal(got, []string{"ORDER o-p1"}) {
				t.Errorf("events after placing: %q", got)
			}
			look := func(p retail.Payment) moment {
				return moment{p.Status, p.Reason, p.RedirectURL != "", s.heard(t)}
			}
			p := s.mustPay(t, o, "p/1", method)
			if p.Amount != o.Totals.Total || p.Method != method || !p.StartedAt.Equal(noon) || (p.SettledAt == nil) != (p.Status == retail.PaymentPending) {
				t.Errorf("payment = %+v", p)
			}
			if diff := cmp.Diff(tc.first, look(p)); diff != "" {
				t.Errorf("at once (-want +got):\n%s", diff)
			}
			if again := s.mustPay(t, o, "p/1", method); cmp.Diff(p, again) != "" {
				t.Errorf("the same again: %+v", again)
			}
			if tc.then == nil {
				return
			}
			tc.then(t, s)
			s.server.Work(t.Context())
			p, err := s.Payment(t.Context(), "p/1")
			if diff := cmp.Diff(tc.last, look(p)); diff != "" || err != nil {
				t.Errorf("later: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestASilentPaymentIsToldByTheEventAndByAsking(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.heard(t)
	ask := retail.Payment{Reference: "p-1", Method: "silent", Amount: o.Totals.Total}
	for range 2 {
		if _, err := s.Pay(t.Context(), o.Number, ask); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Fatalf("pay: %v, want no answer", err)
		}
	}
	if got := s.heard(t); !slices.Equal(got, []string{"PAYMENT p-1"}) {
		t.Errorf("events: %q", got)
	}
	if p, err := s.Payment(t.Context(), "p-1"); err != nil || p.Status != retail.PaymentSucceeded {
		t.Errorf("asked: %+v, %v", p, err)
	}
}

func TestAnOrderIsPaidOnce(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	slow := s.mustPay(t, o, "p-slow", "slow")
	if slow.Status != retail.PaymentPending {
		t.Fatal(slow)
	}
	if p := s.mustPay(t, o, "p-1", "wallet"); p.Status != retail.PaymentSucceeded {
		t.Fatal(p)
	}
	if p := s.mustPay(t, o, "p-2", "wallet"); p.Status != retail.PaymentFailed || p.Reason != "the order is paid already" {
		t.Errorf("a second payment: %+v", p)
	}
	s.pass(time.Hour)
	s.server.Work(t.Context())
	if p, err := s.Payment(t.Context(), "p-slow"); err != nil || p.Status != retail.PaymentFailed {
		t.Errorf("the one that was on its way: %+v, %v", p, err)
	}
	half := o.Totals.Total
	half.Minor /= 2
	if p, err := s.Pay(t.Context(), s.mustPlace(t, "P2").Number, retail.Payment{Reference: "p-3", Method: "wallet", Amount: half}); err != nil || p.Status != retail.PaymentFailed {
		t.Errorf("half the amount: %+v, %v", p, err)
	}
	if _, err := s.Pay(t.Context(), "P9", retail.Payment{Reference: "p-4", Method: "wallet", Amount: half}); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown order: %v", err)
	}
	if _, err := s.Pay(t.Context(), "P2", retail.Payment{Reference: "p-1", Method: "wallet", Amount: half}); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the reference for another order: %v", err)
	}
	if err := s.ReportStatus(t.Context(), "P2", retail.OrderCancelled, noon); err != nil {
		t.Fatal(err)
	}
	if p := s.mustPay(t, anOrder("P2"), "p-5", "wallet"); p.Status != retail.PaymentFailed {
		t.Errorf("paying a cancelled order: %+v", p)
	}
}

func TestAVoidedPaymentSucceedsNoMore(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.mustPay(t, o, "p-1", "slow")
	for range 2 {
		if p, err := s.VoidPayment(t.Context(), "p-1"); err != nil || p.Status != retail.PaymentVoided {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	s.pass(time.Hour)
	s.server.Work(t.Context())
	if p, err := s.Payment(t.Context(), "p-1"); err != nil || p.Status != retail.PaymentVoided {
		t.Errorf("after its time: %+v, %v", p, err)
	}
	if p, err := s.VoidPayment(t.Context(), "p-2"); err != nil || p.Status != retail.PaymentVoided || p.Amount != (retail.Money{}) {
		t.Errorf("void before it came: %+v, %v", p, err)
	}
	if p := s.mustPay(t, o, "p-2", "wallet"); p.Status != retail.PaymentVoided {
		t.Errorf("the payment that came too late: %+v", p)
	}
	if p := s.mustPay(t, o, "p-3", "wallet"); p.Status != retail.PaymentSucceeded {
		t.Fatal(p)
	}
	if p, err := s.VoidPayment(t.Context(), "p-3"); err != nil || p.Status != retail.PaymentSucceeded {
		t.Errorf("void after it succeeded: %+v, %v", p, err)
	}
	if _, err := s.Payment(t.Context(), "p-9"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a payment never met: %v", err)
	}
}

func TestRefundsNeverComeToMoreThanWasPaid(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.mustPay(t, o, "p-1", "wallet")
	s.heard(t)
	give := func(reference string, minor int64) (retail.Refund, error) {
		return s.Refund(t.Context(), retail.Refund{Reference: reference, PaymentReference: "p-1", Amount: yuan(minor), Reason: "缺货"})
	}
	for range 2 {
		if r, err := give("r-1", 3000); err != nil || r.Status != retail.RefundSucceeded || r.SettledAt == nil {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if _, err := give("r-2", 981); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("one cent too much: %v", err)
	}
	if _, err := give("r-1", 980); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the reference with another amount: %v", err)
	}
	if _, err := give("r-3", 980); err != nil {
		t.Errorf("the rest: %v", err)
	}
	if got := s.heard(t); !slices.Equal(got, []string{"PAYMENT r-1", "PAYMENT r-3"}) {
		t.Errorf("events: %q", got)
	}
	if _, err := s.Refund(t.Context(), retail.Refund{Reference: "r-4", PaymentReference: "p-9", Amount: yuan(1)}); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("of an unknown payment: %v", err)
	}
}

func TestADeliveryIsBookedBeforeItIsSaidToHaveLeft(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.heard(t)
	d := deliveryOf(o)
	var seen []retail.CourierStatus
	look := func(want retail.CourierStatus, left int) {
		t.Helper()
		got, err := s.Delivery(t.Context(), d.Reference)
		if err != nil || got.Status != want || !got.At.Equal(s.now()) || len(s.left) != left {
			t.Errorf("%+v, %v, booked %q, want %s", got, err, s.left, want)
		}
		seen = append(seen, got.Status)
	}
	for range 2 {
		if got, err := s.RequestDelivery(t.Context(), d); err != nil || got.TrackingNo == "" || !got.EstimateAt.Equal(d.Promise) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	look(retail.CourierRequested, 0)
	for _, step := range []struct {
		want retail.CourierStatus
		left int
	}{{retail.CourierAssigned, 0}, {retail.CourierPickedUp, 1}, {retail.CourierDelivered, 1}} {
		s.pass(time.Minute)
		s.courier(t, d.Reference, "advance")
		look(step.want, step.left)
	}
	if diff := cmp.Diff([]string{"W-1 10000017 2"}, s.left); diff != "" {
		t.Errorf("books (-want +got):\n%s", diff)
	}
	if got, err := s.CancelDelivery(t.Context(), d.Reference); err != nil || got.Status != retail.CourierDelivered {
		t.Errorf("cancelled too late: %+v, %v", got, err)
	}
	if got := s.heard(t); len(got) != 4 || got[0] != "DELIVERY "+d.Reference {
		t.Errorf("events: %q", got)
	}
	d.LocationCode = "W-2"
	if _, err := s.RequestDelivery(t.Context(), d); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the reference from another place: %v", err)
	}
}

func TestCancelledAndFailedDeliveries(t *testing.T) {
	s := openSite(t)
	for number, tc := range map[string]struct {
		steps []string
		want  retail.CourierStatus
		books int // bookings that the goods left, and that they came back
	}{
		"P1": {nil, retail.CourierCancelled, 0},
		"P2": {[]string{"advance"}, retail.CourierCancelled, 0},
		"P3": {[]string{"advance", "fail"}, retail.CourierFailed, 0},
		"P4": {[]string{"advance", "advance", "fail"}, retail.CourierFailed, 1},
	} {
		s.left, s.back = nil, nil
		d := deliveryOf(s.mustPlace(t, number))
		if _, err := s.RequestDelivery(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for _, step := range tc.steps {
			s.courier(t, d.Reference, step)
		}
		for range 2 {
			if got, err := s.CancelDelivery(t.Context(), d.Reference); err != nil || got.Status != tc.want {
				t.Errorf("%s: %+v, %v, want %s", number, got, err, tc.want)
			}
		}
		if len(s.left) != tc.books || len(s.back) != tc.books {
			t.Errorf("%s: left %q, back %q", number, s.left, s.back)
		}
	}
	never := deliveryOf(s.mustPlace(t, "P5"))
	if got, err := s.CancelDelivery(t.Context(), never.Reference); err != nil || got.Status != retail.CourierCancelled {
		t.Fatalf("one that was never met: %+v, %v", got, err)
	}
	if got, err := s.RequestDelivery(t.Context(), never); err != nil || got.Status != retail.CourierCancelled {
		t.Errorf("the request that came too late: %+v, %v", got, err)
	}
	if _, err := s.Delivery(t.Context(), "o-x/1"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("one that nobody knows: %v", err)
	}
}

func TestAParcelIsBookedBeforeItIsSaidToHaveArrived(t *testing.T) {
	s := openSite(t)
	o := s.mustPlace(t, "P1")
	s.heard(t)
	lines := []retail.ReceiptLine{{SKU: "10000017", Quantity: -1}}
	for range 2 {
		if err := s.AnnounceReturn(t.Context(), o.Number, "o-p1/r-1", "W-1", lines); err != nil {
			t.Fatal(err)
		}
	}
	if _, received, err := s.ReturnReceived(t.Context(), "o-p1/r-1"); received || err != nil {
		t.Errorf("received %v, %v before it came", received, err)
	}
	s.pass(time.Hour)
	for range 2 {
		s.admin(t, http.MethodPost, "/admin/returns/"+url.PathEscape("o-p1/r-1")+"/receive")
	}
	at, received, err := s.ReturnReceived(t.Context(), "o-p1/r-1")
	if !received || err != nil || !at.Equal(s.now()) {
		t.Errorf("received %v at %v, %v", received, at, err)
	}
	if diff := cmp.Diff([]string{"W-1 10000017 1"}, s.back); diff != "" {
		t.Errorf("books (-want +got):\n%s", diff)
	}
	if got := s.heard(t); !slices.Equal(got, []string{"RETURN o-p1/r-1"}) {
		t.Errorf("events: %q", got)
	}
	if err := s.AnnounceReturn(t.Context(), o.Number, "o-p1/r-1", "W-2", lines); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the reference for another place: %v", err)
	}
	if _, _, err := s.ReturnReceived(t.Context(), "o-x/r-1"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a parcel never announced: %v", err)
	}
}

// TestALostReplyAndARepetitionHaveOneEffect loses the reply to each write, repeats it twice, and counts what came of it.
func TestALostReplyAndARepetitionHaveOneEffect(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, s *site)
		write   func(t *testing.T, s *site) (any, error)
		effects func(t *testing.T, s *site) int
	}{
		"an account is opened": {
			write: func(t *testing.T, s *site) (any, error) {
				return s.CreateAccount(t.Context(), "a-1", retail.Profile{Name: "新", Phone: "+8613700000000", PhoneVerified: true})
			},
			effects: func(t *testing.T, s *site) int {
				found, err := s.FindAccounts(t.Context(), "+8613700000000", "")
				return len(found) + fault(err)
			},
		},
		"an address is added": {
			write: func(t *testing.T, s *site) (any, error) {
				return s.UpdateAccount(t.Context(), retail.Account{ID: "u-wu", Addresses: []retail.DeliveryAddress{{Recipient: "吴"}}})
			},
			effects: func(t *testing.T, s *site) int {
				a, err := s.Account(t.Context(), "u-wu")
				return len(a.Addresses) + fault(err)
			},
		},
		"a code is sent": {
			write:   func(t *testing.T, s *site) (any, error) { return nil, s.SendCode(t.Context(), "v-1", lisPhone) },
			effects: func(t *testing.T, s *site) int { return len(s.codes(t, lisPhone)) },
		},
		"a code is checked": {
			prepare: func(t *testing.T, s *site) {
				if err := s.SendCode(t.Context(), "v-1", lisPhone); err != nil {
					t.Fatal(err)
				}
			},
			write: func(t *testing.T, s *site) (any, error) {
				return s.CheckCode(t.Context(), "c-1", lisPhone, s.codes(t, lisPhone)[0])
			},
			effects: func(t *testing.T, s *site) int { // good once: with this reference, and with no other
				first, err := s.CheckCode(t.Context(), "c-1", lisPhone, s.codes(t, lisPhone)[0])
				other, oerr := s.CheckCode(t.Context(), "c-2", lisPhone, s.codes(t, lisPhone)[0])
				return count(first, other) + fault(err) + fault(oerr)
			},
		},
		"a cart is made": {
			write: func(t *testing.T, s *site) (any, error) { return s.CreateCart(t.Context(), "k-1", "guest:a") },
			effects: func(t *testing.T, s *site) int {
				k, err := s.CartOf(t.Context(), "guest:a")
				return k.Version + fault(err)
			},
		},
		"a cart is saved": {
			prepare: func(t *testing.T, s *site) { s.mustCart(t) },
			write: func(t *testing.T, s *site) (any, error) {
				return s.SaveCart(t.Context(), "s-1", &retail.Cart{ID: "c-1", Version: 1, Owner: "guest:a", Note: "x"})
			},
			effects: func(t *testing.T, s *site) int {
				k, err := s.CartOf(t.Context(), "guest:a")
				return k.Version - 1 + fault(err)
			},
		},
		"a cart is closed": {
			prepare: func(t *testing.T, s *site) { s.mustCart(t) },
			write:   func(t *testing.T, s *site) (any, error) { return nil, s.CloseCart(t.Context(), "c-1", "o-1") },
			effects: func(t *testing.T, s *site) int {
				k, err := s.Cart(t.Context(), "c-1")
				return k.Version - 1 + fault(err)
			},
		},
		"an order is placed": {
			write: func(t *testing.T, s *site) (any, error) { return nil, s.PlaceOrder(t.Context(), anOrder("P1")) },
			effects: func(t *testing.T, s *site) int {
				list, err := s.Orders(t.Context(), "u-li", nil, 100)
				return len(list) - 7 + len(s.heard(t)) - 1 + fault(err)
			},
		},
		"a status is reported": {
			prepare: func(t *testing.T, s *site) { s.mustPlace(t, "P1") },
			write: func(t *testing.T, s *site) (any, error) {
				return nil, s.ReportStatus(t.Context(), "P1", retail.OrderPaid, noon)
			},
			effects: func(t *testing.T, s *site) int {
				list, err := s.Orders(t.Context(), "u-li", nil, 1)
				return count(list[0].Status == "PAID") + fault(err)
			},
		},
		"an order is paid": {
			prepare: func(t *testing.T, s *site) { s.mustPlace(t, "P1"); s.heard(t) },
			write: func(t *testing.T, s *site) (any, error) {
				return s.Pay(t.Context(), "P1", retail.Payment{Reference: "p-1", Method: "wallet", Amount: yuan(3980)})
			},
			effects: func(t *testing.T, s *site) int { return len(s.heard(t)) },
		},
		"a payment is voided": {
			prepare: func(t *testing.T, s *site) { s.mustPay(t, s.mustPlace(t, "P1"), "p-1", "slow"); s.heard(t) },
			write:   func(t *testing.T, s *site) (any, error) { return s.VoidPayment(t.Context(), "p-1") },
			effects: func(t *testing.T, s *site) int { return len(s.heard(t)) },
		},
		"half is refunded": {
			prepare: func(t *testing.T, s *site) { s.mustPay(t, s.mustPlace(t, "P1"), "p-1", "wallet") },
			write: func(t *testing.T, s *site) (any, error) {
				return s.Refund(t.Context(), retail.Refund{Reference: "r-1", PaymentReference: "p-1", Amount: yuan(1990)})
			},
			effects: func(t *testing.T, s *site) int { // the other half is there, and no more
				_, err := s.Refund(t.Context(), retail.Refund{Reference: "r-2", PaymentReference: "p-1", Amount: yuan(1990)})
				_, none := s.Refund(t.Context(), retail.Refund{Reference: "r-3", PaymentReference: "p-1", Amount: yuan(1)})
				return count(retail.CodeOf(none) == retail.CodeConflict) + fault(err)
			},
		},
		"a courier is asked for": {
			prepare: func(t *testing.T, s *site) { s.mustPlace(t, "P1") },
			write: func(t *testing.T, s *site) (any, error) {
				return s.RequestDelivery(t.Context(), deliveryOf(anOrder("P1")))
			},
			effects: func(t *testing.T, s *site) int {
				for range 3 {
					s.courier(t, "o-p1/1", "advance")
				}
				return len(s.left)
			},
		},
		"a delivery is cancelled": {
			prepare: func(t *testing.T, s *site) {
				if _, err := s.RequestDelivery(t.Context(), deliveryOf(s.mustPlace(t, "P1"))); err != nil {
					t.Fatal(err)
				}
				s.heard(t)
			},
			write:   func(t *testing.T, s *site) (any, error) { return s.CancelDelivery(t.Context(), "o-p1/1") },
			effects: func(t *testing.T, s *site) int { return len(s.heard(t)) },
		},
		"a parcel is announced": {
			prepare: func(t *testing.T, s *site) { s.mustPlace(t, "P1") },
			write: func(t *testing.T, s *site) (any, error) {
				return nil, s.AnnounceReturn(t.Context(), "P1", "o-p1/r", "W-1", []retail.ReceiptLine{{SKU: "10000017", Quantity: 1}})
			},
			effects: func(t *testing.T, s *site) int {
				s.admin(t, http.MethodPost, "/admin/returns/o-p1%2Fr/receive")
				return len(s.back)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSite(t)
			if tc.prepare != nil {
				tc.prepare(t, s)
			}
			s.faulty(t, faults.State{LoseReplies: 1})
			if _, err := tc.write(t, s); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
				t.Fatalf("the reply was lost, and the error is %v", err)
			}
			s.faulty(t, faults.State{})
			first, err := tc.write(t, s)
			if err != nil {
				t.Fatalf("the repetition: %v", err)
			}
			again, err := tc.write(t, s)
			if diff := cmp.Diff(first, again); diff != "" || err != nil {
				t.Errorf("and again: %v (-first +again):\n%s", err, diff)
			}
			if got := tc.effects(t, s); got != 1 {
				t.Errorf("%d effects, want 1", got)
			}
		})
	}
}

func (s *site) mustCart(t *testing.T) {
	t.Helper()
	if k, err := s.CreateCart(t.Context(), "k-1", "guest:a"); err != nil || k.ID != "c-1" {
		t.Fatalf("%+v, %v", k, err)
	}
}

// fault makes a failed look count as a wrong number of effects.
func fault(err error) int {
	if err != nil {
		return 1000
	}
	return 0
}

func count(facts ...bool) (n int) {
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}

// everyCall makes each call of a purchase once.
func everyCall(t *testing.T, s *site) map[string]error {
	ctx, out := t.Context(), map[string]error{}
	note := func(name string, err error) { out[name] = err }
	pay := retail.Payment{Reference: "p-1", Method: "wallet", Amount: yuan(3980)}
	_, err := s.Account(ctx, "u-li")
	note("Account", err)
	_, err = s.FindAccounts(ctx, lisPhone, "")
	note("FindAccounts", err)
	_, err = s.CreateAccount(ctx, "a-1", retail.Profile{})
	note("CreateAccount", err)
	_, err = s.UpdateAccount(ctx, retail.Account{ID: "u-li"})
	note("UpdateAccount", err)
	note("SendCode", s.SendCode(ctx, "v-1", lisPhone))
	_, err = s.CheckCode(ctx, "c-1", lisPhone, "123456")
	note("CheckCode", err)
	_, err = s.CreateCart(ctx, "k-1", "guest:a")
	note("CreateCart", err)
	_, err = s.Cart(ctx, "c-1")
	note("Cart", err)
	_, err = s.CartOf(ctx, "guest:a")
	note("CartOf", err)
	_, err = s.SaveCart(ctx, "s-1", &retail.Cart{ID: "c-1", Version: 1, Owner: "guest:a"})
	note("SaveCart", err)
	note("CloseCart", s.CloseCart(ctx, "c-1", "o-1"))
	note("PlaceOrder", s.PlaceOrder(ctx, anOrder("P1")))
	note("ReportStatus", s.ReportStatus(ctx, "P1", retail.OrderPaid, noon))
	_, err = s.Orders(ctx, "u-li", nil, 10)
	note("Orders", err)
	_, err = s.PaymentMethods(ctx)
	note("PaymentMethods", err)
	_, err = s.Pay(ctx, "P1", pay)
	note("Pay", err)
	_, err = s.Payment(ctx, "p-1")
	note("Payment", err)
	_, err = s.VoidPayment(ctx, "p-1")
	note("VoidPayment", err)
	_, err = s.Refund(ctx, retail.Refund{Reference: "r-1", PaymentReference: "p-1", Amount: yuan(1)})
	note("Refund", err)
	_, err = s.RequestDelivery(ctx, deliveryOf(anOrder("P1")))
	note("RequestDelivery", err)
	_, err = s.Delivery(ctx, "o-p1/1")
	note("Delivery", err)
	_, err = s.CancelDelivery(ctx, "o-p1/1")
	note("CancelDelivery", err)
	note("AnnounceReturn", s.AnnounceReturn(ctx, "P1", "o-p1/r", "W-1", []retail.ReceiptLine{{SKU: "10000017", Quantity: 1}}))
	_, _, err = s.ReturnReceived(ctx, "o-p1/r")
	note("ReturnReceived", err)
	return out
}

func TestFaultsOfTheShopInAPurchase(t *testing.T) {
	for name, tc := range map[string]struct {
		state faults.State
		code  retail.Code
	}{
		"down":         {faults.State{Down: true}, retail.CodeUpstreamUnavailable},
		"errors":       {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable},
		"lost replies": {faults.State{LoseReplies: 1}, retail.CodeUpstreamUnavailable},
		"garbage":      {faults.State{Garbage: true}, retail.CodeBadUpstream},
		"truncate":     {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSite(t)
			s.faulty(t, tc.state)
			for call, err := range everyCall(t, s) {
				var e *retail.Error
				if !errors.As(err, &e) || e.Code != tc.code || e.Source != retail.SourceShop || !e.Retryable {
					t.Errorf("%s: %v, want %s of the shop", call, err, tc.code)
				}
			}
			s.faulty(t, faults.State{})
			for call, err := range everyCall(t, s) {
				if err != nil && retail.CodeOf(err) != retail.CodeConflict && retail.CodeOf(err) != retail.CodeNotFound {
					t.Errorf("%s afterwards: %v", call, err)
				}
			}
		})
	}
}

func TestWhatCanBeNoNameIsNeverSent(t *testing.T) {
	s := openSite(t)
	s.faulty(t, faults.State{Down: true}) // whatever is sent fails otherwise
	for _, name := range []string{"", ".", "..", "a b", "a\r\nb", "ä", string(make([]byte, 129))} {
		for call, err := range map[string]error{
			"Account":     second(s.Account(t.Context(), name)),
			"Cart":        second(s.Cart(t.Context(), name)),
			"Payment":     second(s.Payment(t.Context(), name)),
			"Delivery":    second(s.Delivery(t.Context(), name)),
			"Orders":      second(s.Orders(t.Context(), name, nil, 1)),
			"CreateCart":  second(s.CreateCart(t.Context(), name, "guest:a")),
			"VoidPayment": second(s.VoidPayment(t.Context(), name)),
			"CloseCart":   s.CloseCart(t.Context(), name, "o-1"),
			"SendCode":    s.SendCode(t.Context(), name, lisPhone),
		} {
			if code := retail.CodeOf(err); code != retail.CodeNotFound && code != retail.CodeBadInput {
				t.Errorf("%s(%q): %v", call, name, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }
