package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// attacks lists all that are sent over HTTP.
func attacks() []attack {
	return slices.Concat(documentAttacks(), valueAttacks(), bodyAttacks(), addressAttacks(), headerAttacks(), hookAttacks())
}

// remark ends every document: a comment that must not come back, and that makes the document new.
const remark = "\n# " + marker + " " + nonce

// doc posts a document.
func doc(f func(n int) string) func(int) hostile {
	return func(n int) hostile { return hostile{body: `{"query":` + inJSON(f(n)+remark) + "}"} }
}

// text posts a document with the text $v.
func text(query string, f func(n int) string) func(int) hostile {
	return vars(query, func(n int) string { return `{"v":` + inJSON(f(n)) + "}" })
}

// vars posts a document with variables as they are written.
func vars(query string, f func(n int) string) func(int) hostile {
	return func(n int) hostile {
		return hostile{body: `{"query":` + inJSON(query+remark) + `,"variables":` + f(n) + "}"}
	}
}

// raw posts a body as it is.
func raw(f func(n int) string, header ...string) func(int) hostile {
	return func(n int) hostile { return hostile{body: f(n), header: pairs(header...)} }
}

// inJSON writes a text as JSON and leaves as it is what JSON leaves.
func inJSON(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text
	return strings.TrimSuffix(b.String(), "\n")
}

func pairs(header ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = append(h[header[i]], header[i+1])
	}
	return h
}

// sound is a body that is answered, but for what is put around it.
var sound = `{"query":` + inJSON("{__typename}"+remark) + `}`

// bodyAttacks are bodies that readers take for different things.
func bodyAttacks() []attack {
	const smuggle = "JSON interoperability (Bishop Fox 2021)"
	inside := func(more string) string { return strings.TrimSuffix(sound, "}") + more + "}" }
	return []attack{
		{name: "a batch", from: cop + ", array batching", limit: 1, make: raw(func(n int) string { return "[" + strings.Repeat(sound+",", n-1) + sound + "]" })},
		{name: "a key again and again", from: smuggle, limit: 1, make: raw(func(n int) string { return inside(strings.Repeat(`,"query":"{__typename}"`, n)) })},
		{name: "keys of other case", from: smuggle, limit: 1, make: raw(func(n int) string { return inside(strings.Repeat(`,"Query":"{__typename}"`, n)) })},
		{name: "keys written as escapes", from: smuggle, limit: 1, make: raw(func(n int) string { return inside(strings.Repeat(`,"\u0071uery":"{__typename}"`, n)) })},
		{name: "keys that are not known", from: smuggle, limit: 1, make: raw(func(n int) string { return inside(written(n, `,"k%d":1`)) })},
		{name: "something after the end", from: smuggle, limit: 1, make: raw(func(n int) string { return strings.Repeat(sound, n+1) })},
		{name: "white space around", from: smuggle, limit: 1000, harmless: true, make: raw(func(n int) string { return strings.Repeat(" \n", n) + sound + strings.Repeat("\t\r", n) })},
		{name: "a byte order mark", from: smuggle, limit: 1, make: raw(func(n int) string { return strings.Repeat("\ufeff", n) + sound })},
		{name: "UTF-16", from: smuggle, limit: 1, make: raw(func(n int) string {
			return "\xff\xfe" + strings.Join(strings.Split(strings.Repeat(" ", n)+sound, ""), "\x00") + "\x00" + marker + nonce
		}, "Content-Type", "application/json; charset=utf-16")},
		{name: "broken UTF-8", from: smuggle, limit: 1, make: raw(func(n int) string { return strings.Replace(sound, marker, marker+strings.Repeat("\xff\xc0\xaf", n), 1) })},
		{name: "gzip", from: "CWE-409, decompression bombs", limit: 1, make: raw(func(n int) string {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			_, _ = w.Write([]byte(sound + strings.Repeat(" ", 1000*n))) // a buffer
			_ = w.Close()
			return b.String() + marker + nonce
		}, "Content-Encoding", "gzip")},
		{name: "null", from: smuggle, limit: 1, make: raw(func(n int) string { return "null" + strings.Repeat(" ", n) + marker + nonce })},
		{name: "arrays that nest", from: overflow, limit: 1, make: raw(func(n int) string { return inside(`,"extensions":{"a":` + nest(n+16, "[", "", "]") + "}") })},
		{name: "a long extension", from: api4, limit: 200, make: raw(func(n int) string { return inside(`,"extensions":{"a":[1` + strings.Repeat(",1", n) + "]}") })},
		{name: "many extensions", from: api4, limit: 100, harmless: true, make: raw(func(n int) string { return inside(`,"extensions":{"a":1` + written(n, `,"a%d":{}`) + "}") })},
		{name: "a query of another type", from: smuggle, limit: 1, make: raw(func(n int) string {
			return `{"query":[` + strings.Repeat(`"{__typename}",`, n) + `"` + marker + nonce + `"]}`
		})},
		{name: "an operation's name that is not there", from: dvga + ", log injection", limit: 1, make: raw(func(n int) string {
			return inside(`,"operationName":"` + strings.Repeat(`\r\nlevel=ERROR `, n) + marker + `"`)
		})},
		{name: "a document's id that is not there", from: "persisted documents", limit: 128, make: raw(func(n int) string {
			return `{"documentId":"` + strings.Repeat("a", n) + marker + nonce + `"}`
		})},
		{name: "a hash that is not there", from: "APQ cache flooding", limit: 1, make: raw(func(n int) string {
			return `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", n) + marker + nonce + `"}}}`
		})},
		{name: "a hash of something else", from: "APQ cache poisoning", limit: 1, make: raw(func(n int) string {
			return inside(`,"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}` + strings.Repeat(" ", n))
		})},
		{name: "a form", from: cop + ", POST based CSRF", limit: 1, make: raw(func(n int) string { return "query=%7B__typename%7D" + strings.Repeat("&a=1", n) + "&" + marker + nonce },
			"Content-Type", "application/x-www-form-urlencoded")},
		{name: "an upload", from: "GraphQL multipart request specification, CSRF", limit: 1, make: raw(func(n int) string {
			return strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n"+sound+"\r\n", n) + "--x--\r\n"
		}, "Content-Type", "multipart/form-data; boundary=x")},
		{name: "a plain text", from: cop + ", CSRF", limit: 1, make: raw(func(n int) string { return sound + strings.Repeat(" ", n) }, "Content-Type", "text/plain")},
		{name: "text of escapes", from: api4, limit: 1000, harmless: true, make: raw(func(n int) string {
			return `{"query":"{__typename} # ` + marker + nonce + strings.Repeat(`\ud83d\ude00`, n) + `"}`
		})},
	}
}

// addressAttacks are URLs.
func addressAttacks() []attack {
	get := func(f func(n int) string, header ...string) func(int) hostile {
		return func(n int) hostile {
			h := pairs(header...)
			h.Set("GraphQL-Require-Preflight", "1")
			return hostile{method: http.MethodGet, path: f(n), header: h}
		}
	}
	query := "/graphql?query=" + url.QueryEscape("{__typename}"+remark)
	return []attack{
		{name: "a query in the URL that nests", from: overflow, limit: 12, make: get(func(n int) string {
			return "/graphql?query=" + url.QueryEscape(strings.Repeat("{a", n)+remark)
		})},
		{name: "a mutation in the URL", from: cop + ", GET based mutations", limit: 1, make: get(func(n int) string {
			return "/graphql?query=" + url.QueryEscape("mutation{"+written(n, "a%d:guestSessionCreate{session{expiresAt}}")+"}"+remark)
		})},
		{name: "a parameter again and again", from: "HTTP parameter pollution", limit: 1, make: get(func(n int) string { return query + strings.Repeat("&query=%7Ba%7D", n) })},
		{name: "parameters that are not known", from: "HTTP parameter pollution", limit: 1, make: get(func(n int) string { return query + written(n, "&a%d=1") })},
		{name: "variables in the URL that nest", from: overflow, limit: 16, make: get(func(n int) string {
			return query + "&variables=" + url.QueryEscape(`{"a":`+nest(n, "[", "", "]")+"}")
		})},
		{name: "semicolons", from: "CVE-2022-2880", limit: 1, make: get(func(n int) string { return query + strings.Repeat(";a=b", n) })},
		{name: "a token in the URL", from: "GO-2026-5480", limit: 1, make: get(func(n int) string { return query + "&access_token=" + strings.Repeat("a", n) })},
		{name: "a path upwards", from: dvga + ", path traversal", limit: 1, make: get(func(n int) string { return "/graphql" + strings.Repeat("/%2e%2e", n) + "/" + marker + nonce })},
		{name: "another method", from: cop, limit: 1, make: func(n int) hostile {
			return hostile{method: http.MethodDelete, body: sound + strings.Repeat(" ", n), header: pairs("X-Http-Method-Override", "POST")}
		}},
	}
}

// headerAttacks are headers of an operation that is answered without them.
func headerAttacks() []attack {
	with := func(f func(n int) http.Header) func(int) hostile {
		return func(n int) hostile { return hostile{body: sound, header: f(n)} }
	}
	one := func(name, format string) func(int) hostile {
		return with(func(n int) http.Header { return pairs(name, marker+written(n, format)) })
	}
	return []attack{
		{name: "headers by the hundred", from: api4, limit: 100, harmless: true, make: with(func(n int) http.Header {
			h := http.Header{}
			for i := range n {
				h.Set(fmt.Sprintf("X-A-%d", i), marker)
			}
			return h
		})},
		{name: "one header by the hundred", from: api4, limit: 100, harmless: true, make: with(func(n int) http.Header {
			return http.Header{"X-Request-Id": slices.Repeat([]string{marker + "/"}, n)}
		})},
		{name: "a token of dots", from: "GO-2025-3553", limit: 3, make: one("Authorization", " Bearer ....")},
		{name: "a bearer of dots", from: "GO-2025-3553", limit: 3, make: with(func(n int) http.Header { return pairs("Authorization", "Bearer "+marker+strings.Repeat(".", n)) })},
		{name: "a token without an algorithm", from: "jwt_tool", limit: 1, make: with(func(n int) http.Header {
			return pairs("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ"+strings.Repeat("h", n)+"."+marker)
		})},
		{name: "tokens by the dozen", from: "jwt_tool", limit: 2, make: with(func(n int) http.Header {
			return http.Header{"Authorization": slices.Repeat([]string{"Bearer " + marker}, n)}
		})},
		{name: "a proof without a token", from: "RFC 9449", limit: 1, harmless: true, make: one("DPoP", ".a")},
		{name: "hops by the hundred", from: "GO-2026-5774", limit: 16, harmless: true, make: one("X-Forwarded-For", ", 10.0.0.%d")},
		{name: "hops in RFC 7239", from: "RFC 7239", limit: 16, harmless: true, make: one("Forwarded", ", for=10.0.0.%d")},
		{name: "media types by the hundred", from: api4, limit: 20, harmless: true, make: one("Accept", ", a/b;q=0.%d")},
		{name: "languages by the hundred", from: "CVE-2022-32149", limit: 20, harmless: true, make: one("Accept-Language", ", zh-Hans-CN-x-a%d;q=0.1")},
		{name: "a language of hyphens", from: "CVE-2022-32149", limit: 20, harmless: true, make: one("Accept-Language", "-a")},
		{name: "parameters of the content type", from: api4, limit: 1, make: with(func(n int) http.Header {
			return pairs("Content-Type", "application/json"+written(n, "; charset=utf-7; a%d=1")+"; a="+marker)
		})},
		{name: "cookies by the hundred", from: api4, limit: 100, harmless: true, make: one("Cookie", "; a%d=1")},
		{name: "baggage", from: "GO-2026-5158", limit: 64, harmless: true, make: one("Baggage", ",a%d=1")},
		{name: "an origin of nobody", from: "CORS", limit: 1, harmless: true, make: one("Origin", "https://evil.example")},
		{name: "a place in a header", from: api4, limit: 100, make: one("X-Location-Id", "S")},
		{name: "a channel in a header", from: api4, limit: 1, make: one("X-Channel", "APP")},
		{name: "ranges by the hundred", from: "CVE-2011-3192", limit: 10, harmless: true, make: one("Range", ",bytes=0-%d")},
		{name: "an id that would be logged", from: dvga + ", log injection", limit: 64, harmless: true, make: one("X-Request-Id", "/0d0a")},
	}
}

// hookAttacks are for the route that the shop reports to.
func hookAttacks() []attack {
	hook := func(f func(n int) string, header ...string) func(int) hostile {
		return func(n int) hostile {
			return hostile{path: "/hooks/shop", body: f(n) + marker + nonce, header: pairs(header...)}
		}
	}
	return []attack{
		{name: "an event without a signature", from: "forged webhooks", limit: 1, make: hook(func(n int) string { return strings.Repeat("[", n) })},
		{name: "an event with a forged signature", from: "forged webhooks", limit: 1, make: hook(func(n int) string { return written(n, "%d") },
			"Shop-Signature", "t=1,v1="+strings.Repeat("a", 64))},
		{name: "an event with a signature without end", from: "forged webhooks", limit: 1, make: func(n int) hostile {
			return hostile{path: "/hooks/shop", body: marker + nonce, header: pairs("Shop-Signature", "t="+strings.Repeat("9", n)+",v1="+strings.Repeat("ab", n))}
		}},
		{name: "an event for nobody", from: "OWASP API9:2023", limit: 1, make: func(n int) hostile {
			return hostile{path: "/hooks/" + strings.Repeat("a/", n) + marker + nonce, body: "{}"}
		}},
	}
}
