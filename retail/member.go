package retail

import "time"

// Member is one person, whatever identities the systems know.
type Member struct {
	ID         string
	Identities []Identity
	Profile    Profile
	// PreferredStore is a location code; empty when none.
	PreferredStore string
	Addresses      []DeliveryAddress
	CreatedAt      time.Time
	Version        int // of the stored record
}

// In returns the member's identity in a system; empty when there is none.
func (m *Member) In(system Source) string {
	for _, id := range m.Identities {
		if id.System == system {
			return id.Key
		}
	}
	return ""
}

// Identity is one system's record of a person: the shop's account, the tills' loyalty card, the ERP's customer.
type Identity struct {
	System   Source
	Key      string // account id, card number, customer number
	LinkedBy LinkProof
	LinkedAt time.Time
}

// LinkProof is why two records are one person.
type LinkProof string

// Link proofs. A name or an address alone never links.
const (
	ProofSignIn  LinkProof = "SIGN_IN"  // the identity that signed in
	ProofPhone   LinkProof = "PHONE"    // the same phone number, verified on both sides
	ProofCard    LinkProof = "CARD"     // card number and its PIN
	ProofUnionID LinkProof = "UNION_ID" // the same WeChat union id
	ProofCreated LinkProof = "CREATED"  // the gateway created the record for this member
	ProofMerge   LinkProof = "MERGE"    // the person proved to hold both
	ProofRecord  LinkProof = "RECORD"   // the ERP's record names the other record
)

// Profile is what a system says about a person; empty parts are unknown.
type Profile struct {
	Name          string
	Phone         string // E.164
	PhoneVerified bool
	Email         string
	UnionID       string // WeChat
	Birthday      Date
}

// Account is a person in the shop.
type Account struct {
	ID             string
	Profile        Profile
	PreferredStore string
	Addresses      []DeliveryAddress // 20 at most
	UpdatedAt      time.Time
}

// Card is a person's loyalty card at the tills.
type Card struct {
	Number   string
	Profile  Profile
	IssuedAt time.Time
}

// Customer is a person in the ERP.
type Customer struct {
	Number        string
	Profile       Profile
	Tier          MemberTier
	CardNumber    string // as the ERP knows it; empty when none
	AccountID     string // as the ERP knows it; empty when none
	YearSpend     Money  // what counts for the tier
	PointsBalance int    // as the ERP states it
	AsOf          time.Time
}

// TierRule says what a tier asks for.
type TierRule struct {
	Tier      MemberTier
	Titles    Text
	YearSpend Money // from this on
}

// PointEntry is one movement of points. Two systems may tell of the same one: Reference makes them one.
type PointEntry struct {
	Reference string // of the receipt or order that earned or used them, with the kind of movement
	Source    Source // the system where it happened
	Points    int    // negative when used or expired
	At        time.Time
	Titles    Text
	ExpiresAt *time.Time
}

// Coupon is one coupon in a member's wallet, good online and at the tills.
type Coupon struct {
	Number     string
	Titles     Text
	Kind       CouponKind
	Amount     Money // taken off; of AMOUNT_OFF
	Percent    int   // 1 to 100; of PERCENT_OFF
	MinSpend   Money // on the lines that it is for; zero when none
	Category   string
	Channels   []Channel // empty means all
	Stackable  bool      // with other coupons
	ValidFrom  time.Time
	ValidUntil time.Time // exclusive
	Status     CouponStatus
	UsedFor    string // reference of the order or receipt that used it
	CustomerNo string
}

// CouponKind is what a coupon does.
type CouponKind string

// Coupon kinds.
const (
	CouponAmountOff  CouponKind = "AMOUNT_OFF"
	CouponPercentOff CouponKind = "PERCENT_OFF"
	CouponDelivery   CouponKind = "FREE_DELIVERY"
)

// CouponStatus is whether a coupon can be used.
type CouponStatus string

// Coupon statuses.
const (
	CouponUsable   CouponStatus = "USABLE"
	CouponUsed     CouponStatus = "USED"
	CouponExpired  CouponStatus = "EXPIRED"
	CouponUpcoming CouponStatus = "UPCOMING" // ValidFrom lies ahead
)
