package cart

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/pricing"
)

// AddressInput is where to deliver: an address of the member's address book or one typed in, exactly one of them.
type AddressInput struct {
	ID    string
	Typed *retail.DeliveryAddress
}

// SetAddress says where to deliver. It refuses with WhyNotFound when the member's address book has no such address.
func (s *Service) SetAddress(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, in AddressInput,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "address", input: in,
		apply: func(e *edit) error {
			address, err := s.address(ctx, actor, in)
			if err == nil {
				e.Address = address
			}
			return err
		},
	})
}

func (s *Service) address(ctx context.Context, actor retail.Actor, in AddressInput) (*retail.DeliveryAddress, error) {
	unknown := retail.Refuse(retail.WhyNotFound, "addressId", "There is no such address in the address book.")
	switch {
	case (in.ID == "") == (in.Typed == nil):
		return nil, retail.Refuse(retail.WhyInvalid, "address", "Give either the id of an address or an address.")
	case in.Typed != nil:
		typed := *in.Typed
		typed.ID = ""
		return &typed, checkAddress(&typed)
	case actor.MemberID == "" || s.deps.Members == nil || len(in.ID) > maxID:
		return nil, unknown
	}
	address, err := s.deps.Members.Address(ctx, actor.MemberID, in.ID)
	if err != nil && retail.CodeOf(err) == retail.CodeNotFound {
		return nil, unknown
	}
	return address, err
}

// checkAddress bounds what a shopper typed in.
func checkAddress(a *retail.DeliveryAddress) error {
	country := a.Address.CountryCode
	switch {
	case len(country) != 2 || strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return retail.Refuse(retail.WhyInvalid, "address.countryCode", "The country must be an ISO 3166-1 code of two letters.")
	case !phone(a.Phone):
		return retail.Refuse(retail.WhyInvalid, "address.phone", "The phone number must be international, for example +8613800138000.")
	case a.Position != nil && !a.Position.Valid():
		return retail.Refuse(retail.WhyInvalid, "address.position", "The position is no point on the earth.")
	}
	for _, part := range []struct {
		field, value string
		least, most  int
	}{
		{"recipient", a.Recipient, 1, 100},
		{"line", a.Address.Line, 1, 200},
		{"city", a.Address.City, 0, 100},
		{"district", a.Address.District, 0, 100},
		{"province", a.Address.Province, 0, 100},
		{"postalCode", a.Address.PostalCode, 0, 20},
	} {
		n := utf8.RuneCountInString(strings.TrimSpace(part.value))
		if n < part.least || utf8.RuneCountInString(part.value) > part.most || !printable(part.value, false) {
			return retail.Refuse(retail.WhyInvalid, "address."+part.field,
				fmt.Sprintf("This must have %d to %d characters on one line.", part.least, part.most))
		}
	}
	return nil
}

// phone reports whether the number is in the form of E.164.
func phone(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 8 && len(digits) <= 15 && digits[0] != '0' && strings.Trim(digits, "0123456789") == ""
}

// printable reports whether the text has no character that a screen or a receipt could not show; lines allows line breaks.
func printable(s string, lines bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r != '\n' || !lines) && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' || r == '\u2028' || r == '\u2029')
	})
}

// SetNote replaces the shopper's note, retail.MaxNoteLength characters at most; an empty one takes it away.
func (s *Service) SetNote(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, note string,
) (*retail.PricedCart, []retail.Warning, error) {
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "note", input: note,
		apply: func(e *edit) error {
			if utf8.RuneCountInString(note) > retail.MaxNoteLength || !printable(note, true) {
				return retail.Refuse(retail.WhyInvalid, "note",
					fmt.Sprintf("A note has at most %d characters, none of them a control character.", retail.MaxNoteLength))
			}
			e.Note = note
			return nil
		},
	})
}

// ApplyCoupon enters a coupon of the member's wallet. It refuses with WhyCouponRejected when it is unknown, another member's,
// used, expired, entered already or takes nothing off the cart as it is, with the reason, and with WhyLimitReached beyond
// retail.MaxCartCoupons. While a price is unknown only the coupon itself is checked. It fails when the wallet is silent.
func (s *Service) ApplyCoupon(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, number string,
) (*retail.PricedCart, []retail.Warning, error) {
	number = strings.TrimSpace(number)
	if err := s.mayGuess(ctx, actor); err != nil {
		return nil, nil, err
	}
	wrong := false
	defer func() {
		if !wrong && s.deps.Tries != nil {
			s.forgive(ctx, s.couponTries(ctx, actor))
		}
	}()
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "coupon", input: number,
		apply: func(e *edit) error {
			if enteredAt(e.Cart, number) >= 0 {
				return couponRefused("The coupon was entered before.")
			}
			if len(e.Coupons) >= retail.MaxCartCoupons {
				limit := retail.MaxCartCoupons
				r := retail.Refuse(retail.WhyLimitReached, "coupon", fmt.Sprintf("A cart has at most %d coupons.", limit))
				r.Limit = &limit
				return r
			}
			coupon, err := s.owned(ctx, actor, number)
			if wrong = coupon == nil && retail.Refused(err, retail.WhyCouponRejected); err != nil {
				return err
			}
			e.Coupons = append(e.Coupons, coupon.Number)
			return s.worth(ctx, actor, e.Cart, coupon)
		},
	})
}

// owned is the coupon in the actor's wallet; refused as well when it is not usable now. It is nil when there is none: unknown
// coupons and other members' look the same.
func (s *Service) owned(ctx context.Context, actor retail.Actor, number string) (*retail.Coupon, error) {
	unknown := couponRefused("There is no such coupon in your wallet.")
	if actor.MemberID == "" || s.deps.Members == nil || number == "" || len(number) > maxID {
		return nil, unknown
	}
	wallet, err := s.wallet(ctx, actor)
	if err != nil {
		return nil, err
	}
	coupon, ok := wallet[strings.ToUpper(number)]
	if !ok {
		return nil, unknown
	}
	if r := pricing.Usable(&coupon, retail.ContextOf(ctx).Channel, s.deps.Now()); r != nil {
		return &coupon, couponRefused(r.Message)
	}
	return &coupon, nil
}

// tries is a key under which tries count, and how many there may be.
type tries struct {
	key   string
	limit retail.Limit
}

// couponTries are the shopper's own, and those of a guest's household.
func (s *Service) couponTries(ctx context.Context, actor retail.Actor) []tries {
	list := []tries{{"coupon numbers\x00" + actor.Key(), s.config.WrongCoupons}}
	if home := retail.HouseholdOf(ctx); home.Bounds() {
		list = append(list, tries{"coupon numbers of a household\x00" + home.Name, home.Limit(s.config.WrongCoupons)})
	}
	return list
}

// mayGuess counts a try to enter a coupon before it is looked for, so that nobody guesses more by asking many at once.
func (s *Service) mayGuess(ctx context.Context, actor retail.Actor) error {
	if s.deps.Tries == nil {
		return nil
	}
	list := s.couponTries(ctx, actor)
	for i, of := range list {
		allowed, wait, err := s.deps.Tries.Try(ctx, of.key, of.limit)
		if err == nil && allowed {
			continue
		}
		s.forgive(ctx, list[:i]) // whose household may not try keeps the tries
		if err != nil {
			return err
		}
		return of.limit.Refuse("coupon", wait)
	}
	return nil
}

// forgive takes back what was counted for no guess. Where that fails there is one try less.
func (s *Service) forgive(ctx context.Context, list []tries) {
	for _, of := range list {
		_ = s.deps.Tries.Forgive(context.WithoutCancel(ctx), of.key)
	}
}

// worth refuses a coupon that takes nothing off the cart that it was just entered into.
func (s *Service) worth(ctx context.Context, actor retail.Actor, c *retail.Cart, coupon *retail.Coupon) error {
	f := s.gather(ctx, actor, c, without{stock: true})
	if f.walletErr != nil {
		return f.walletErr
	}
	result := s.calculate(ctx, c, f)
	if why := reason(result.Rejected, coupon.Number); why != "" {
		return couponRefused(why)
	}
	return nil
}

func couponRefused(message string) *retail.Refusal {
	return retail.Refuse(retail.WhyCouponRejected, "coupon", message)
}

func enteredAt(c *retail.Cart, number string) int {
	return slices.IndexFunc(c.Coupons, func(entered string) bool { return strings.EqualFold(entered, number) })
}

// RemoveCoupon takes a coupon out. It refuses with WhyNotFound when it was not entered.
func (s *Service) RemoveCoupon(
	ctx context.Context, actor retail.Actor, key, cartID string, version *int, number string,
) (*retail.PricedCart, []retail.Warning, error) {
	number = strings.TrimSpace(number)
	return s.change(ctx, change{
		actor: actor, key: key, id: cartID, version: version, kind: "uncoupon", input: number,
		apply: func(e *edit) error {
			at := enteredAt(e.Cart, number)
			if at < 0 {
				return retail.Refuse(retail.WhyNotFound, "coupon", "There is no such coupon in the cart.")
			}
			e.Coupons = slices.Delete(e.Coupons, at, at+1)
			return nil
		},
	})
}
