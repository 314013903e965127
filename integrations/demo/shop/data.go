package shop

import "time"

// Data is what a shop starts with. The values become the server's; the caller must not change them afterwards.
type Data struct {
	APIKey     string // of every client; must not be empty
	Products   []Product
	Categories []Category
	Accounts   []Account
	Orders     []PastOrder // of these accounts, that did not come through the gateway
	Pace       Pace
	// PublicURL is the base of redirectUrl; empty means the host that the request came to.
	PublicURL string
}

// Pace is how long the shop's own work takes. It happens in Run, or in Work when it is due.
type Pace struct {
	SlowPayment   time.Duration // until a payment by the method "slow" settles
	Refund        time.Duration // until a refund succeeds; 0 means at once
	CourierStep   time.Duration // between the steps of a delivery; 0 means by hand only
	ReturnArrives time.Duration // until an announced parcel is received; 0 means by hand only
}

// PastOrder is an order as the account's list shows it.
type PastOrder struct {
	Account  string // id
	Number   string
	PlacedAt time.Time
	Status   string
	Total    Money
	Lines    []OrderLine
}

// Text is one text in the languages of the shop.
type Text struct {
	Chinese string `json:"zh-CN"`
	English string `json:"en"`
}

// Product is one product page.
type Product struct {
	ID          string      `json:"id"`
	Handle      string      `json:"handle"`
	Title       Text        `json:"title"`
	Description Text        `json:"description"`
	Brand       string      `json:"brand"`
	CategoryIDs []string    `json:"categoryIds"`
	Media       []Media     `json:"media"`
	Attributes  []Attribute `json:"attributes"`
	Variants    []Variant   `json:"variants"`
	UpdatedAt   time.Time   `json:"updatedAt"`
}

// Media is a picture, video or 3-D model; Kind is IMAGE, VIDEO or MODEL_3D.
type Media struct {
	Kind     string `json:"kind"`
	URL      string `json:"url"`
	Alt      Text   `json:"alt"`
	MimeType string `json:"mimeType"`
}

// Attribute is a named fact about a product, or the option that tells a variant from its siblings.
type Attribute struct {
	Name  Text `json:"name"`
	Value Text `json:"value"`
}

// Variant is what can be ordered.
type Variant struct {
	SKU     string      `json:"sku"`
	GTIN    string      `json:"gtin"`
	Title   Text        `json:"title"`
	Options []Attribute `json:"options"`
	Price   *Money      `json:"price"` // nil while it is not sold online
}

// Money is an amount in major units, for example "19.90".
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Category is one shelf; ParentID is empty at the top.
type Category struct {
	ID       string `json:"id"`
	ParentID string `json:"parentId"`
	Title    Text   `json:"title"`
	Position int    `json:"position"`
}
