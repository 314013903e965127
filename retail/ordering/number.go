package ordering

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
)

// readable has no look-alikes: neither 0 and O nor 1, I and L.
const readable = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// OrderID derives the id of the order that an actor places with an idempotency key.
func OrderID(owner, key string) string { return "o-" + digest("order", owner, key) }

// digest makes a short, plain name out of parts: 26 characters of a-z and 2-7, 130 bits.
func digest(parts ...string) string {
	sum := hash(parts...)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26])
}

// hash keeps parts apart by their lengths.
func hash(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// orderNumber derives what people read to each other: P, nine characters and one that catches a wrong or swapped one.
// Another try gives another number.
func orderNumber(orderID string, try int) string {
	sum := hash("number", orderID, strconv.Itoa(try))
	return withCheck("P" + spell(sum[:], 9))
}

// spell writes the leading bytes in readable characters.
func spell(sum []byte, characters int) string {
	out := make([]byte, characters)
	n := binary.BigEndian.Uint64(sum) // 31^12 fits
	for i := range out {
		out[i] = readable[n%uint64(len(readable))]
		n /= uint64(len(readable))
	}
	return string(out)
}

// withCheck appends the character that makes the weighted sum of all a multiple of 31. The modulus is prime and the weights
// differ, so every single wrong character and every swap of two shows.
func withCheck(s string) string {
	sum := 0
	for i := range len(s) {
		sum += (i + 2) * strings.IndexByte(readable, s[i])
	}
	return s + string(readable[(len(readable)-sum%len(readable))%len(readable)])
}

// ValidNumber reports whether an order number of the gateway is typed correctly.
func ValidNumber(number string) bool {
	if len(number) != 11 || number[0] != 'P' {
		return false
	}
	for i := range len(number) {
		if strings.IndexByte(readable, number[i]) < 0 {
			return false
		}
	}
	return withCheck(number[:10]) == number
}

// pickupCode derives eight readable characters from a fulfillment's secret.
func pickupCode(secret, reference string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("pickup code\x00" + reference))
	return spell(mac.Sum(nil), codeLength)
}

const (
	codeLength = 8
	// CodePrefix begins what a pickup code's QR image says.
	CodePrefix = "PORTICO:"
)

// cleanCode reads a code as a person or a scanner may have entered it; ok is false for what can be none.
func cleanCode(code string) (string, bool) {
	if len(code) > 64 {
		return "", false
	}
	code = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(code)), CodePrefix)
	code = strings.NewReplacer(" ", "", "-", "").Replace(code)
	return code, len(code) == codeLength
}
