package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// written writes a format n times, with its number where it asks for one.
func written(n int, format string) string {
	if !strings.Contains(format, "%") {
		return strings.Repeat(format, n)
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// nest puts n openings around a core and closes them.
func nest(n int, open, core, closing string) string {
	return strings.Repeat(open, n) + core + strings.Repeat(closing, n)
}

// bomb is n fragments that spread the next one twice: 2^n fields.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("{...F0}")
	for i := range n {
		fmt.Fprintf(&b, "fragment F%d on Query{...F%d ...F%[2]d}", i, i+1)
	}
	fmt.Fprintf(&b, "fragment F%d on Query{__typename}", n)
	return b.String()
}

const (
	cop      = "graphql-cop 1.15"
	dvga     = "DVGA"
	swigger  = "PortSwigger, GraphQL labs"
	owasp    = "OWASP GraphQL cheat sheet"
	apollo   = "GHSA-q2f9-x4p4-7xmh, GHSA-p2q6-pwh5-m6jr"
	webonyx  = "graphql-php #1906"
	overflow = "CVE-2022-30591 and kin: stack overflow in the parser"
	golang   = "GO-2024-2920, CVE-2023-49559"
	spec     = "GraphQL specification, edges of the grammar"
	api4     = "OWASP API4:2023"
	api6     = "OWASP API6:2023"
)

// documentAttacks are texts that a parser, a validator, a planner or an executor has to bear.
func documentAttacks() []attack {
	introspection := func(n int) string {
		return "{__schema{types{fields{type{" + nest(n, "fields{type{", "name", "}}") + "}}}}}"
	}
	return []attack{
		{name: "braces that nest", from: dvga + ", deep recursion", limit: 12, make: doc(func(n int) string { return "{" + nest(n, "node(id:1){", "id", "}") + "}" })},
		{name: "braces that never close", from: overflow, limit: 12, make: doc(func(n int) string { return strings.Repeat("{a", n) })},
		{name: "brackets that nest", from: overflow, limit: 16, make: doc(func(n int) string { return "{nodes(ids:" + nest(n, "[", "1", "]") + "){id}}" })},
		{name: "brackets that never close", from: overflow, limit: 16, make: doc(func(n int) string { return "{nodes(ids:" + strings.Repeat("[", n) })},
		{name: "parentheses that never close", from: overflow, limit: 1, make: doc(func(n int) string { return "{a" + strings.Repeat("(a:", n) })},
		{name: "list types that nest", from: overflow, limit: 16, make: doc(func(n int) string { return "query($a:" + nest(n, "[", "Int", "]") + "){__typename}" })},
		{name: "objects that nest", from: overflow, limit: 16, make: doc(func(n int) string { return "{products(filter:" + nest(n, "{a:", "1", "}") + "){nodes{id}}}" })},
		{name: "objects that never close", from: overflow, limit: 16, make: doc(func(n int) string { return "{products(filter:" + strings.Repeat("{a:", n) })},
		{name: "fragments of twice the next", from: apollo, limit: 10, make: doc(bomb)},
		{name: "fragments in a circle", from: owasp + "; specification 5.5.2.2", limit: 1, make: doc(func(n int) string {
			return "{...F0}" + written(n, "fragment F%d on Query{...F%[1]d}")
		})},
		{name: "fragments in one great circle", from: owasp + "; specification 5.5.2.2", limit: 1, make: doc(func(n int) string {
			var b strings.Builder
			b.WriteString("{...F0}")
			for i := range n {
				fmt.Fprintf(&b, "fragment F%d on Query{...F%d}", i, (i+1)%n)
			}
			return b.String()
		})},
		{name: "fragments in a chain", from: apollo, limit: 40, make: doc(func(n int) string {
			var b strings.Builder
			b.WriteString("{...F1}")
			for i := 1; i < n; i++ {
				fmt.Fprintf(&b, "fragment F%d on Query{...F%d}", i, i+1)
			}
			return b.String() + fmt.Sprintf("fragment F%d on Query{__typename}", n)
		})},
		{name: "fragments that nobody spreads", from: webonyx, limit: 1, make: doc(func(n int) string { return "{__typename}" + written(n, "fragment F%d on Query{__typename}") })},
		{name: "spreads of one fragment", from: apollo, limit: 1000, make: doc(func(n int) string { return "{" + strings.Repeat("...F ", n) + "}fragment F on Query{__typename}" })},
		{name: "spreads of fragments that are not there", from: "error flood", limit: 1, make: doc(func(n int) string { return "{" + written(n, "...F%d ") + "}" })},
		{name: "inline fragments that nest", from: apollo, limit: 40, make: doc(func(n int) string { return "{" + nest(n, "...on Query{", "__typename", "}") + "}" })},
		{name: "inline fragments side by side", from: webonyx, limit: 40, make: doc(func(n int) string { return "{" + written(n, "...on Query{__typename}") + "}" })},
		{name: "inline fragments without a type", from: webonyx, limit: 40, make: doc(func(n int) string { return "{" + written(n, "...{...{__typename}}") + "}" })},
		{name: "fields of every type of an interface", from: webonyx, limit: 40, make: doc(func(n int) string {
			types := []string{"Product", "Category", "Location", "ProductVariant"}
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "...on %s{id ...on Node{id}}", types[i%len(types)])
			}
			return "{node(id:1){" + b.String() + "}}"
		})},
		{name: "refusals of every type", from: webonyx, limit: 40, make: doc(func(n int) string {
			return "mutation{guestSessionCreate{userErrors{" + written(n, "...on PlainUserError{code message}...on LimitReached{limit}") + "}}}"
		})},
		{name: "one field again and again", from: cop + ", field duplication", limit: 100, make: doc(func(n int) string { return "{" + strings.Repeat("__typename ", n) + "}" })},
		{name: "one object again and again", from: webonyx, limit: 100, make: doc(func(n int) string {
			return `{stockCheck(skus:["10000018"]){` + strings.Repeat("items{sku}", n) + "}}"
		})},
		{name: "objects that double at every level", from: webonyx, limit: 4, make: doc(func(n int) string {
			s := "id"
			for range min(n, 14) { // 2^14 is as much as a body holds
				s = "node(id:1){" + s + "} node(id:1){" + s + "}"
			}
			return "{" + s + "}" + strings.Repeat(" ", max(0, n-14))
		})},
		{name: "fields that conflict", from: webonyx, limit: 10, make: doc(func(n int) string { return "{" + written(n, `a:product(sku:"%d"){id}`) + "}" })},
		{name: "aliases", from: cop + ", alias overloading", limit: 20, make: doc(func(n int) string { return "{" + written(n, "a%d:__typename ") + "}" })},
		{name: "aliases of something dear", from: dvga + ", resource intensive", limit: 20, make: doc(func(n int) string {
			return "{" + written(n, `a%d:stockCheck(skus:["10000018"],near:{latitude:31,longitude:121}){items{sku}}`) + "}"
		})},
		{name: "sessions by the dozen", from: swigger + ", alias brute force", limit: 5, make: doc(func(n int) string {
			return "mutation{" + written(n, "a%d:guestSessionCreate{session{expiresAt}}") + "}"
		})},
		{name: "codes guessed by aliases", from: swigger + ", alias brute force", limit: 5, make: doc(func(n int) string {
			return "mutation{" + written(n, `a%d:pickupVerify(input:{locationId:"S-SH01",code:"%06[1]d"},idempotencyKey:"`+nonce+`-%[1]d"){order{number}userErrors{code}}`) + "}"
		})},
		{name: "verifications sent by aliases", from: api6, limit: 5, make: doc(func(n int) string {
			return "mutation{" + written(n, `a%d:memberVerificationSend(input:{phone:"138001%05[1]d"},idempotencyKey:"`+nonce+`-%[1]d"){userErrors{code}}`) + "}"
		})},
		{name: "directives that are not there", from: golang, limit: 1, make: doc(func(n int) string { return "{__typename " + strings.Repeat("@aa", n) + "}" })},
		{name: "directives that are not there, all different", from: golang, limit: 1, make: doc(func(n int) string { return "{__typename " + written(n, "@a%d") + "}" })},
		{name: "directives again and again", from: cop + ", directive overloading", limit: 50, make: doc(func(n int) string { return "{__typename " + strings.Repeat("@include(if:true)", n) + "}" })},
		{name: "directives of many fields", from: cop + ", directive overloading", limit: 20, make: doc(func(n int) string {
			return "{" + written(n, "a%d:__typename@include(if:true)@skip(if:false)") + "}"
		})},
		{name: "conditions of as many variables", from: api4, limit: 20, make: doc(func(n int) string {
			return "query(" + written(n, "$v%d:Boolean=true ") + "){" + written(n, "a%d:__typename@include(if:$v%[1]d)") + "}"
		})},
		{name: "contexts again and again", from: spec, limit: 1, make: doc(func(n int) string { return "query " + strings.Repeat(`@inContext(language:EN)`, n) + "{__typename}" })},
		{name: "a name without end", from: api4, limit: 100, harmless: true, make: doc(func(n int) string { return "{" + strings.Repeat("a", n) + "}" })},
		{name: "an alias without end", from: api4, limit: 100, harmless: true, make: doc(func(n int) string { return "{" + strings.Repeat("a", n) + ":__typename}" })},
		{name: "an operation's name without end", from: dvga + ", log injection", limit: 100, harmless: true, make: doc(func(n int) string { return "query " + strings.Repeat("a", n) + "{__typename}" })},
		{name: "a text without end", from: api4, limit: 200, make: doc(func(n int) string { return `{node(id:"` + marker + strings.Repeat("a", n) + `"){id}}` }), harmless: true},
		{name: "a text of escapes", from: spec, limit: 200, make: doc(func(n int) string { return `{node(id:"` + strings.Repeat(`\u0041`, n) + `"){id}}` }), harmless: true},
		{name: "a text of half surrogates", from: spec, limit: 2, make: doc(func(n int) string { return `{node(id:"` + strings.Repeat(`\ud800`, n) + `"){id}}` }), harmless: true},
		{name: "a block text of empty lines", from: spec, limit: 200, make: doc(func(n int) string { return `{node(id:"""` + strings.Repeat(" \n", n) + `"""){id}}` }), harmless: true},
		{name: "a block text that leans ever more", from: spec, limit: 20, harmless: true, make: doc(func(n int) string {
			var b strings.Builder
			for i := range min(n, 400) {
				b.WriteString(strings.Repeat(" ", i) + "a\n")
			}
			return `{node(id:"""` + b.String() + strings.Repeat("a", max(0, n-400)) + `"""){id}}`
		})},
		{name: "a block text of quotes", from: spec, limit: 200, make: doc(func(n int) string { return `{node(id:"""` + strings.Repeat(`\"""`, n) }), harmless: true},
		{name: "a text of wide characters", from: spec, limit: 200, make: doc(func(n int) string { return `{node(id:"` + strings.Repeat("𝒜\u0301", n) + `"){id}}` }), harmless: true},
		{name: "an integer without end", from: api4, limit: 10, make: doc(func(n int) string { return "{products(first:1" + strings.Repeat("0", n) + "){nodes{id}}}" })},
		{name: "a fraction without end", from: api4, limit: 300, harmless: true, make: doc(func(n int) string {
			return "{locations(near:{latitude:31." + strings.Repeat("1", n) + ",longitude:121}){nodes{id}}}"
		})},
		{name: "an exponent without end", from: api4, limit: 3, make: doc(func(n int) string {
			return "{locations(near:{latitude:1e" + strings.Repeat("9", n) + ",longitude:121}){nodes{id}}}"
		})},
		{name: "comments", from: spec, limit: 1000, harmless: true, make: doc(func(n int) string { return strings.Repeat("#\n", n) + "{__typename}" })},
		{name: "commas", from: spec, limit: 1000, harmless: true, make: doc(func(n int) string { return "{" + strings.Repeat(",", n) + "__typename}" })},
		{name: "line ends of all kinds", from: spec, limit: 1000, harmless: true, make: doc(func(n int) string { return "{" + strings.Repeat("\r\n\r\t ", n) + "__typename}" })},
		{name: "byte order marks", from: spec, limit: 1000, harmless: true, make: doc(func(n int) string { return strings.Repeat("\ufeff", n) + "{__typename}" })},
		{name: "control characters", from: dvga + ", log injection", limit: 1, harmless: true, make: doc(func(n int) string { return "{__typename" + strings.Repeat("\x00\x1b[2J\x7f", n) + "}" })},
		{name: "a list of ids", from: api4, limit: 100, make: doc(func(n int) string { return "{nodes(ids:[" + strings.Repeat("1 ", n) + "]){id}}" })},
		{name: "a list of forged ids", from: swigger + ", private objects by id", limit: 100, make: doc(func(n int) string {
			var b strings.Builder
			for i := range n {
				kind := []string{"Order", "Cart", "Member", "StockHold", "Receipt", "DataRequest"}[i%6]
				fmt.Fprintf(&b, "%q ", base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%s%d", kind, marker, i)))
			}
			return "{nodes(ids:[" + b.String() + "]){id}}"
		})},
		{name: "an object of many fields", from: api4, limit: 20, make: doc(func(n int) string { return "{products(filter:{" + written(n, "a%d:1 ") + "}){nodes{id}}}" })},
		{name: "an object of one field again and again", from: spec, limit: 1, make: doc(func(n int) string {
			return "{products(filter:{" + strings.Repeat("brands:[] ", n) + "}){nodes{id}}}"
		})},
		{name: "arguments that are not there", from: "clairvoyance", limit: 1, make: doc(func(n int) string { return "{products(" + written(n, "a%d:1 ") + "){nodes{id}}}" })},
		{name: "an argument again and again", from: spec, limit: 1, make: doc(func(n int) string { return "{products(" + strings.Repeat("first:1 ", n) + "){nodes{id}}}" })},
		{name: "fields that are not there", from: "clairvoyance", limit: 1, make: doc(func(n int) string { return "{" + written(n, "stok%d ") + "}" })},
		{name: "types that are not there", from: "clairvoyance", limit: 1, make: doc(func(n int) string { return "{" + written(n, "...on Produc%d{id}") + "}" })},
		{name: "values of an enum that are not there", from: "clairvoyance", limit: 1, make: doc(func(n int) string { return "{locations(kinds:[" + written(n, "STOR%d ") + "]){nodes{id}}}" })},
		{name: "variables that nobody uses", from: webonyx, limit: 1, make: doc(func(n int) string { return "query(" + written(n, "$v%d:Int ") + "){__typename}" })},
		{name: "variables that nobody declared", from: webonyx, limit: 1, make: doc(func(n int) string { return "{nodes(ids:[" + written(n, "$v%d ") + "]){id}}" })},
		{name: "a variable again and again", from: spec, limit: 1, make: doc(func(n int) string { return "query(" + strings.Repeat("$v:[ID!]! ", n+1) + "){nodes(ids:$v){id}}" })},
		{name: "a variable used everywhere", from: api4, limit: 100, make: doc(func(n int) string { return "query($v:ID=1){nodes(ids:[" + strings.Repeat("$v ", n) + "]){id}}" })},
		{name: "a long default", from: "default bombs", limit: 100, make: doc(func(n int) string { return "query($v:[ID!]=[" + strings.Repeat("1 ", n) + "]){nodes(ids:$v){id}}" })},
		{name: "a deep default", from: "default bombs", limit: 16, make: doc(func(n int) string { return "query($v:[ID!]=" + nest(n, "[", "1", "]") + "){nodes(ids:$v){id}}" })},
		{name: "operations with names", from: cop, limit: 1000, make: doc(func(n int) string { return written(n, "query A%d{__typename}") })},
		{name: "operations without a name", from: spec, limit: 1, make: doc(func(n int) string { return strings.Repeat("{__typename}", n+1) })},
		{name: "introspection in circles", from: cop + ", circular introspection", limit: 4, make: doc(introspection)},
		{name: "introspection side by side", from: dvga, limit: 2, make: doc(func(n int) string {
			return "{" + written(n, "a%d:__schema{types{name fields{name args{name type{name}}type{name ofType{name}}}}}") + "}"
		})},
		{name: "types side by side", from: dvga, limit: 20, make: doc(func(n int) string {
			return "{" + written(n, `a%d:__type(name:"Query"){fields{name type{fields{name}}}}`) + "}"
		})},
		{name: "pages that are too long", from: dvga + ", resource intensive", limit: 100, make: doc(func(n int) string { return fmt.Sprintf("{products(first:%d){nodes{id}}}", n) })},
		{name: "dear pages", from: api4, limit: 10, make: doc(func(n int) string {
			return fmt.Sprintf("{products(first:%d){nodes{id variants{id price{amount}media{url}}categories{title}media{url}}}}", 20*n)
		})},
		{name: "pages of fewer than none", from: api4, limit: 1, make: doc(func(n int) string { return fmt.Sprintf("{products(first:-%d){nodes{id}}}", n) })},
		{name: "pages that overflow", from: api4, limit: 1, make: doc(func(n int) string { return "{products(first:2147483647){nodes{id}}}" + strings.Repeat(" ", n) })},
		{name: "cursors that are forged", from: api4, limit: 1, harmless: true, make: doc(func(n int) string {
			cursor := base64.RawURLEncoding.EncodeToString([]byte("c1:" + strings.Repeat("9", n) + ":" + marker))
			return fmt.Sprintf("{products(first:1,after:%q){nodes{id}}}", cursor)
		})},
		{name: "a subscription over HTTP", from: spec, limit: 1, make: doc(func(n int) string { return "subscription{" + strings.Repeat(`orderChanged(id:"1"){id}`, n) + "}" })},
		{name: "a mutation of a query's fields", from: spec, limit: 1, make: doc(func(n int) string { return "mutation{" + written(n, `node(id:"%d"){id}`) + "}" })},
		{name: "a schema for the gateway", from: spec, limit: 1, make: doc(func(n int) string { return written(n, "type A%d{a:Int}extend type Query{a%[1]d:Int}") })},
		{name: "@defer by the dozen", from: spec, limit: 1, make: doc(func(n int) string { return "{" + strings.Repeat("...@defer{__typename}", n) + "}" })},
	}
}

// valueAttacks are sound documents whose values are for the services behind them.
func valueAttacks() []attack {
	const (
		search   = "query($v:String){products(search:$v,first:5){nodes{id}}}"
		scan     = "query($v:String){product(scan:$v){id}}"
		checks   = "query($v:[String!]!){stockCheck(skus:$v,near:{latitude:31,longitude:121},first:20){items{sku}}}"
		complain = `mutation($v:String!){complaintCreate(input:{subject:{receiptNumber:"1"},text:$v},idempotencyKey:"` + nonce + `"){userErrors{code}}}`
	)
	return []attack{
		{name: "a search like an expression", from: "ReDoS", limit: 100, harmless: true, make: text(search, func(n int) string { return strings.Repeat("(a+)+$.*", n) + marker })},
		{name: "a search of many words", from: api4, limit: 100, harmless: true, make: text(search, func(n int) string { return written(n, "w%d ") + marker })},
		{name: "a search of wide characters", from: api4, limit: 100, harmless: true, make: text(search, func(n int) string { return strings.Repeat("﷽羊毛衫", n) + marker })},
		{name: "a search of combining marks", from: "Unicode TR36", limit: 100, harmless: true, make: text(search, func(n int) string { return "a" + strings.Repeat("\u0301\u0327", n) + marker })},
		{name: "a search that turns around", from: "CVE-2021-42574", limit: 100, harmless: true, make: text(search, func(n int) string { return strings.Repeat("\u202e\u2066", n) + marker })},
		{name: "a search in another language", from: dvga + ", OS command and SQL injection", limit: 10, harmless: true, make: text(search, func(n int) string {
			return strings.Repeat(`'; DROP TABLE items;-- $(id) ../../etc/passwd <script>alert(1)</script> {{7*7}} ${jndi:ldap://a} `, n) + marker
		})},
		{name: "a scan of many elements", from: "GS1 General Specifications", limit: 10, harmless: true, make: text(scan, func(n int) string { return strings.Repeat("\x1d0106901234567892", n) + marker })},
		{name: "a scan of a link", from: "GS1 Digital Link; " + dvga + ", SSRF", limit: 10, harmless: true, make: text(scan, func(n int) string {
			return "https://169.254.169.254/01/06901234567892" + strings.Repeat("/10/%2e%2e", n) + "?" + marker
		})},
		{name: "a scan of digits", from: api4, limit: 100, harmless: true, make: text(scan, func(n int) string { return strings.Repeat("0", n) + marker })},
		{name: "skus by the thousand", from: api4, limit: 100, make: vars(checks, func(n int) string { return `{"v":["` + marker + `"` + written(n, `,"A%d"`) + `]}` })},
		{name: "one sku by the thousand", from: api4, limit: 100, make: vars(checks, func(n int) string { return `{"v":["` + marker + `"` + strings.Repeat(`,"10000018"`, n) + `]}` })},
		{name: "a basket by the thousand", from: api4, limit: 50, make: vars(
			"query($v:[BasketItemInput!]!){deliveryOptions(items:$v,near:{latitude:31,longitude:121}){__typename}}",
			func(n int) string {
				return `{"v":[{"sku":"` + marker + `"}` + strings.Repeat(`,{"sku":"10000018","quantity":1}`, n) + `]}`
			},
		)},
		{name: "a cart by the thousand", from: api6, limit: 200, make: vars(
			`mutation($v:[CartLineInput!]!){cartCreate(input:{lines:$v},idempotencyKey:"`+nonce+`"){cart{id}userErrors{code}}}`,
			func(n int) string {
				return `{"v":[{"sku":"` + marker + `"}` + strings.Repeat(`,{"sku":"10000018"}`, n) + `]}`
			},
		)},
		{name: "a hold by the thousand", from: api6, limit: 200, make: vars(
			`mutation($v:[BasketItemInput!]!){stockHoldCreate(input:{locationId:"S-SH01",items:$v},idempotencyKey:"`+nonce+`"){hold{id}userErrors{code}}}`,
			func(n int) string {
				return `{"v":[{"sku":"` + marker + `"}` + strings.Repeat(`,{"sku":"10000018"}`, n) + `]}`
			},
		)},
		{name: "a complaint without end", from: api4, limit: 2000, harmless: true, make: text(complain, func(n int) string { return marker + strings.Repeat("a", n) })},
		{name: "a complaint of tags", from: dvga + ", stored XSS", limit: 100, harmless: true, make: text(complain, func(n int) string { return marker + strings.Repeat("<img src=x onerror=1>", n) })},
		{name: "coordinates beyond the earth", from: api4, limit: 3, make: vars(
			"query($v:Float!){locations(near:{latitude:$v,longitude:$v}){nodes{id}}}",
			func(n int) string { return `{"v":1` + strings.Repeat("0", n) + `,"x":"` + marker + `"}` },
		)},
		{name: "coordinates that are no number", from: api4, limit: 1, make: vars(
			"query($v:Float!){locations(near:{latitude:$v,longitude:1}){nodes{id}}}",
			func(n int) string { return `{"v":"` + written(n, "NaN") + marker + `"}` },
		)},
		{name: "days beyond the calendar", from: api4, limit: 30, make: vars(
			`query($v:Int!,$d:Date){pickupSlots(locationId:"S-SH01",from:$d,days:$v){__typename}}`,
			func(n int) string { return fmt.Sprintf(`{"v":%d,"d":"9999-12-31","x":%q}`, n, marker) },
		)},
		{name: "a day that is none", from: api4, limit: 1, make: vars(
			`query($d:Date){pickupSlots(locationId:"S-SH01",from:$d){__typename}}`,
			func(n int) string { return `{"d":"2026-02-` + strings.Repeat("9", n+2) + marker + `"}` },
		)},
		{name: "a price without end", from: api4, limit: 20, make: vars(
			"query($v:Decimal){products(filter:{minPrice:$v},first:1){nodes{id}}}",
			func(n int) string { return `{"v":"1` + strings.Repeat("0", n) + `.` + marker + `"}` },
		)},
		{name: "an idempotency key without end", from: "IETF Idempotency-Key draft", limit: 128, make: vars(
			`mutation($v:String!){cartCreate(input:{},idempotencyKey:$v){cart{id}userErrors{code}}}`,
			func(n int) string { return `{"v":"` + strings.Repeat("k", max(0, n-17)) + marker + nonce + `"}` },
		)},
		{name: "an idempotency key of control characters", from: dvga + ", log injection", limit: 1, make: vars(
			`mutation($v:String!){cartCreate(input:{},idempotencyKey:$v){cart{id}userErrors{code}}}`,
			func(n int) string { return `{"v":"` + strings.Repeat(`\r\n\u0000`, n) + marker + `"}` },
		)},
		{name: "a place without end", from: api4, limit: 100, make: vars(
			"query($v:ID)@inContext(locationId:$v){__typename}", func(n int) string { return `{"v":"` + marker + strings.Repeat("S", n) + `"}` },
		)},
		{name: "variables that nest", from: overflow, limit: 16, make: vars("query($v:[ID!]!){nodes(ids:$v){id}}", func(n int) string {
			return `{"v":` + nest(n, "[", `"`+marker+`"`, "]") + "}"
		})},
		{name: "variables that are objects in objects", from: overflow, limit: 16, make: vars("query($v:ProductFilter){products(filter:$v){nodes{id}}}", func(n int) string {
			return `{"v":` + nest(n, `{"a":`, `"`+marker+`"`, "}") + "}"
		})},
		{name: "variables that never close", from: overflow, limit: 1, make: vars("query($v:[ID!]!){nodes(ids:$v){id}}", func(n int) string {
			return `{"v":"` + marker + `","w":` + strings.Repeat("[", n)
		})},
		{name: "variables that nobody asked for", from: api4, limit: 100, harmless: true, make: vars("{__typename}", func(n int) string {
			return `{"v":"` + marker + `"` + written(n, `,"v%d":%[1]d`) + "}"
		})},
		{name: "a variable twice", from: "JSON interoperability", limit: 1, make: vars("query($v:ID!){node(id:$v){id}}", func(n int) string {
			return `{"v":"` + marker + `"` + strings.Repeat(`,"v":"1"`, n) + "}"
		})},
		{name: "a number without end", from: api4, limit: 10, make: vars("query($v:Int){products(first:$v){nodes{id}}}", func(n int) string {
			return `{"x":"` + marker + `","v":1` + strings.Repeat("0", n) + "}"
		})},
	}
}
