package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Proxies are the networks whose word about where a request comes from is believed.
type Proxies []netip.Prefix

// maxProxies bounds the list: it is walked for every hop of every request.
const maxProxies = 64

// ParseProxies reads networks such as 10.0.0.0/8, or single addresses.
func ParseProxies(networks []string) (Proxies, error) {
	if len(networks) > maxProxies {
		return nil, fmt.Errorf("graph: %d trusted proxies are too many, at most %d", len(networks), maxProxies)
	}
	list := make(Proxies, 0, len(networks))
	for _, text := range networks {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, aerr := netip.ParseAddr(text)
			if aerr != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("graph: %q is no network such as 10.0.0.0/8", text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("graph: write the network %q as IPv4", text)
		}
		if prefix.Bits() == 0 {
			return nil, fmt.Errorf("graph: %q trusts everybody to name any address", text)
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}

// trusts reports whether an address is one of the proxies.
func (p Proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// origin is where a request comes from.
type origin struct {
	addr   netip.Addr // zero when the peer has none
	secure bool       // it came over TLS
}

// originOf says where a request comes from. Only a listed peer is asked: the right-most hop that is not listed itself is the
// client, because everything left of it was written by somebody unknown. A chain that cannot be read up to there, or two kinds
// of it, leaves the peer.
func (p Proxies) originOf(r *http.Request) origin {
	peer := peerOf(r.RemoteAddr)
	o := origin{addr: peer, secure: r.TLS != nil}
	if !peer.IsValid() || !p.trusts(peer) {
		return o
	}
	forwardedFor, forwarded := r.Header.Values("X-Forwarded-For"), r.Header.Values("Forwarded")
	var addr netip.Addr
	var proto string
	var err error
	switch {
	case len(forwarded) > 0 && len(forwardedFor) > 0:
		return o
	case len(forwarded) > 0:
		addr, proto, err = p.forwarded(forwarded)
	default:
		var hops int
		addr, hops, err = p.forwardedFor(forwardedFor)
		proto = forwardedProto(r.Header.Values("X-Forwarded-Proto"), hops)
	}
	if err != nil {
		return o
	}
	if addr.IsValid() {
		o.addr = addr
	}
	o.secure = o.secure || strings.EqualFold(proto, "https")
	return o
}

var errChain = errors.New("the chain of proxies cannot be read")

// maxHops is how far back a chain is followed.
const maxHops = 16

// forwardedFor reads X-Forwarded-For from the right, and says at which hop the client is; the zero address when there is none.
func (p Proxies) forwardedFor(lines []string) (client netip.Addr, hops int, err error) {
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			var hop string
			if i := strings.LastIndexByte(rest, ','); i >= 0 {
				rest, hop = rest[:i], rest[i+1:]
			} else {
				hop, more = rest, false
			}
			addr, ok := node(strings.Trim(hop, " \t"))
			if hops++; !ok || hops > maxHops {
				return netip.Addr{}, 0, errChain
			}
			if client = addr; !p.trusts(addr) {
				return client, hops, nil
			}
		}
	}
	return client, hops, nil
}

// forwardedProto reads X-Forwarded-Proto. One value is what the last proxy that wrote it says; of several, which proxies appended, it is
// the one at the client's hop. What is left of that anybody may have written.
func forwardedProto(lines []string, hops int) string {
	rest := strings.Join(lines, ",")
	if !strings.Contains(rest, ",") {
		return strings.Trim(rest, " \t")
	}
	var value string
	for ; hops > 0; hops-- {
		i := strings.LastIndexByte(rest, ',')
		value, rest = rest[i+1:], rest[:max(i, 0)]
	}
	return strings.Trim(value, " \t")
}

// forwarded reads Forwarded (RFC 7239); the protocol is the one that the client used.
func (p Proxies) forwarded(lines []string) (client netip.Addr, proto string, err error) {
	elements, err := forwardedElements(strings.Join(lines, ","))
	if err != nil {
		return client, "", err
	}
	for hops, e := range slices.Backward(elements) {
		addr, ok := node(e["for"])
		if !ok || len(elements)-hops > maxHops {
			return netip.Addr{}, "", errChain
		}
		if client, proto = addr, e["proto"]; !p.trusts(addr) {
			break
		}
	}
	return client, proto, nil
}

// forwardedElements splits Forwarded into its elements, lower-case names and values without quotes.
func forwardedElements(text string) (list []map[string]string, err error) {
	element := map[string]string{}
	for rest := strings.TrimLeft(text, " \t"); ; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(name)
		if !ok || !isToken(name) {
			return nil, errChain
		}
		value, after, ok := forwardedValue(after)
		if _, twice := element[name]; !ok || twice {
			return nil, errChain
		}
		element[name] = value
		after = strings.TrimLeft(after, " \t")
		switch {
		case after == "":
			return append(list, element), nil
		case after[0] == ',':
			list, element = append(list, element), map[string]string{}
		case after[0] != ';':
			return nil, errChain
		}
		rest = strings.TrimLeft(after[1:], " \t")
	}
}

// forwardedValue takes a token or a quoted string off the text.
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ",; \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], isToken(text[:end])
	}
	end := strings.IndexByte(text[1:], '"')
	if end < 0 || strings.IndexByte(text[1:1+end], '\\') >= 0 { // no address has to be escaped
		return "", "", false
	}
	return text[1 : 1+end], text[2+end:], true
}

// isToken reports whether text is a token of RFC 9110.
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return text != ""
}

// node reads the address of a hop, with or without a port.
func node(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
			if addr.Is4() {
				return addr, false
			}
		} else {
			var with netip.AddrPort
			with, err = netip.ParseAddrPort(text)
			addr = with.Addr()
		}
	}
	return addr.Unmap(), err == nil && addr.Zone() == "" && !addr.IsUnspecified()
}

// peerOf reads the address of a connection's other end.
func peerOf(remote string) netip.Addr {
	with, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return with.Addr().Unmap().WithZone("")
}

type originKey struct{}

// ClientAddress returns the address that the request of ctx comes from: the peer's, or what a trusted proxy says. It is zero when
// there is none.
func ClientAddress(ctx context.Context) netip.Addr {
	o, _ := ctx.Value(originKey{}).(origin)
	return o.addr
}

// secured reports whether the client of a request speaks TLS, with this server or with a trusted proxy.
func secured(ctx context.Context) bool {
	o, _ := ctx.Value(originKey{}).(origin)
	return o.secure
}

// withOrigin notes where a request comes from. The request's URL gets the scheme and host that the client addressed: what is
// bound to a URL (RFC 9449) is checked against it.
func withOrigin(proxies Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := proxies.originOf(r)
		r = r.WithContext(context.WithValue(r.Context(), originKey{}, o))
		addressed := url.URL{}
		if r.URL != nil {
			addressed = *r.URL
		}
		addressed.Scheme, addressed.Host = "http", r.Host
		if o.secure {
			addressed.Scheme = "https"
		}
		r.URL = &addressed
		next.ServeHTTP(w, r)
	})
}

// truncated is the part of an address that may be logged: enough to see where a flood comes from, too little for a person.
func truncated(a netip.Addr) string {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	prefix, err := a.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}
