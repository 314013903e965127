// Package retail holds the words that every other package shares: money, locations, products, prices, errors, ids and
// the shopping context. It decides nothing; the services in its subpackages do. It imports no other package of the
// module and no library beyond the standard one.
package retail

import (
	"context"
	"strings"
)

// Channel is where the shopper is shopping.
type Channel string

// Channels.
const (
	ChannelApp         Channel = "APP"
	ChannelMiniProgram Channel = "MINI_PROGRAM"
	ChannelWeb         Channel = "WEB"
	ChannelPOS         Channel = "POS"
	ChannelPartner     Channel = "PARTNER"
)

// Valid reports whether c is one of the channels.
func (c Channel) Valid() bool {
	switch c {
	case ChannelApp, ChannelMiniProgram, ChannelWeb, ChannelPOS, ChannelPartner:
		return true
	}
	return false
}

// Language is a language of the catalog.
type Language string

// Languages.
const (
	LanguageChinese Language = "ZH_CN"
	LanguageEnglish Language = "EN"
)

// MemberTier is a member's standing.
type MemberTier string

// Tiers, lowest first.
const (
	TierSilver   MemberTier = "SILVER"
	TierGold     MemberTier = "GOLD"
	TierPlatinum MemberTier = "PLATINUM"
)

// Tiers lists the member tiers, lowest first.
var Tiers = [...]MemberTier{TierSilver, TierGold, TierPlatinum}

// Precision tells whether a number is exact or a lower bound.
type Precision string

// Precisions.
const (
	Exact   Precision = "EXACT"
	AtLeast Precision = "AT_LEAST"
)

// Count is how many there are.
type Count struct {
	Value     int
	Precision Precision
}

// Text is one text in the languages of the catalog. A missing language falls back to the other.
type Text struct {
	Chinese string
	English string
}

// In returns the text in the language lang, or in the other language when it has none.
func (t Text) In(lang Language) string {
	if (lang == LanguageEnglish && t.English != "") || t.Chinese == "" {
		return t.English
	}
	return t.Chinese
}

// optional returns nil for an empty string, so that GraphQL reads null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Context is the shopping context of one operation (`@inContext`). It belongs into every cache key whose value depends on it.
type Context struct {
	LocationCode string // preferred store, empty when none
	Channel      Channel
	Language     Language
}

// DefaultContext is the context of an operation that says nothing.
var DefaultContext = Context{Channel: ChannelWeb, Language: LanguageChinese}

type contextKey struct{}

// WithContext returns ctx carrying the shopping context sc.
func WithContext(ctx context.Context, sc Context) context.Context {
	return context.WithValue(ctx, contextKey{}, sc)
}

// ContextOf returns the shopping context carried by ctx, or DefaultContext.
func ContextOf(ctx context.Context) Context {
	if sc, ok := ctx.Value(contextKey{}).(Context); ok {
		return sc
	}
	return DefaultContext
}

// NormalizeSKU trims and upper-cases a SKU as a person may have typed it.
func NormalizeSKU(sku string) string { return strings.ToUpper(strings.TrimSpace(sku)) }

// MaxSKULength bounds a SKU in characters.
const MaxSKULength = 40

// ValidSKU reports whether sku, already normalized, may be a SKU: 1 to MaxSKULength of A-Z, 0-9, '-', '_', '.' and '/'.
func ValidSKU(sku string) bool { return validCode(sku, MaxSKULength) }

// ValidLocationCode reports whether code may be a location code: 1 to 24 of A-Z, a-z, 0-9, '-', '_', '.' and '/'.
func ValidLocationCode(code string) bool { return validCode(code, 24) }

func validCode(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_', c == '.', c == '/':
		default:
			return false
		}
	}
	return true
}
