package graph_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/graph"
)

// came is what a server makes of where a request comes from.
type came struct{ addr, scheme string }

func cameFrom(t testing.TB, proxies []string, change func(*http.Request)) (c came) {
	t.Helper()
	s := mustServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c = came{graph.ClientAddress(r.Context()).String(), r.URL.Scheme}
	}))
	s.Config.TrustedProxies = proxies
	if err := s.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/graphql", nil)
	change(r)
	s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	return c
}

func TestWhereARequestComesFrom(t *testing.T) {
	proxies := []string{"10.0.0.0/8", "192.168.1.1", "2001:db8:1::/48"}
	const proxy, stranger = "10.0.0.1:443", "203.0.113.9:5555"
	for name, c := range map[string]struct {
		peer    string
		headers []string // names and values
		want    came
	}{
		"nobody on the way":                        {stranger, nil, came{"203.0.113.9", "http"}},
		"a stranger who names an address":          {stranger, []string{"X-Forwarded-For", "10.0.0.9"}, came{"203.0.113.9", "http"}},
		"a stranger who says Forwarded":            {stranger, []string{"Forwarded", "for=198.51.100.1;proto=https"}, came{"203.0.113.9", "http"}},
		"a stranger who claims TLS":                {stranger, []string{"X-Forwarded-Proto", "https"}, came{"203.0.113.9", "http"}},
		"a proxy that says nothing":                {proxy, nil, came{"10.0.0.1", "http"}},
		"a proxy":                                  {proxy, []string{"X-Forwarded-For", "198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a proxy that says TLS":                    {proxy, []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", "https"}, came{"198.51.100.1", "https"}},
		"a proxy that says TLS of nobody":          {proxy, []string{"X-Forwarded-Proto", "https"}, came{"10.0.0.1", "https"}},
		"two protocols":                            {proxy, []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", "http", "X-Forwarded-Proto", "https"}, came{"198.51.100.1", "https"}},
		"protocols of several proxies":             {proxy, []string{"X-Forwarded-For", "198.51.100.1, 10.3.3.3", "X-Forwarded-Proto", "https, http"}, came{"198.51.100.1", "https"}},
		"protocols of several proxies, in lines":   {proxy, []string{"X-Forwarded-For", "198.51.100.1, 10.3.3.3", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, came{"198.51.100.1", "https"}},
		"a client that prepends a protocol":        {proxy, []string{"X-Forwarded-For", "1.1.1.1, 198.51.100.1, 10.3.3.3", "X-Forwarded-Proto", "https, http, https"}, came{"198.51.100.1", "http"}},
		"fewer protocols than proxies":             {proxy, []string{"X-Forwarded-For", "198.51.100.1, 10.4.4.4, 10.3.3.3", "X-Forwarded-Proto", "https, https"}, came{"198.51.100.1", "http"}},
		"protocols of nobody":                      {proxy, []string{"X-Forwarded-Proto", "https, https"}, came{"10.0.0.1", "http"}},
		"two protocols in one line":                {proxy, []string{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", "https, http"}, came{"198.51.100.1", "http"}},
		"a client that prepends an address":        {proxy, []string{"X-Forwarded-For", "127.0.0.1, 198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a client that prepends a trusted one":     {proxy, []string{"X-Forwarded-For", "10.9.9.9, 198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a client that sends a line of its own":    {proxy, []string{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a client that prepends rubbish":           {proxy, []string{"X-Forwarded-For", "\"<script>, , x, 198.51.100.1"}, came{"198.51.100.1", "http"}},
		"several proxies":                          {proxy, []string{"X-Forwarded-For", "1.1.1.1, 198.51.100.1, 192.168.1.1, 10.3.3.3"}, came{"198.51.100.1", "http"}},
		"only proxies":                             {proxy, []string{"X-Forwarded-For", "10.7.7.7, 10.3.3.3"}, came{"10.7.7.7", "http"}},
		"rubbish on the right":                     {proxy, []string{"X-Forwarded-For", "198.51.100.1, x"}, came{"10.0.0.1", "http"}},
		"rubbish and TLS":                          {proxy, []string{"X-Forwarded-For", "x", "X-Forwarded-Proto", "https"}, came{"10.0.0.1", "http"}},
		"rubbish behind a proxy":                   {proxy, []string{"X-Forwarded-For", "x, 10.3.3.3"}, came{"10.0.0.1", "http"}},
		"an empty chain":                           {proxy, []string{"X-Forwarded-For", ""}, came{"10.0.0.1", "http"}},
		"a comma at the end":                       {proxy, []string{"X-Forwarded-For", "198.51.100.1,"}, came{"10.0.0.1", "http"}},
		"an address with a port":                   {proxy, []string{"X-Forwarded-For", "198.51.100.1:9999"}, came{"198.51.100.1", "http"}},
		"IPv6":                                     {proxy, []string{"X-Forwarded-For", "2001:db8::7"}, came{"2001:db8::7", "http"}},
		"IPv6 with a port":                         {proxy, []string{"X-Forwarded-For", "[2001:db8::7]:80"}, came{"2001:db8::7", "http"}},
		"IPv6 in brackets":                         {proxy, []string{"X-Forwarded-For", "[2001:db8::7]"}, came{"2001:db8::7", "http"}},
		"IPv6 with a zone":                         {proxy, []string{"X-Forwarded-For", "fe80::1%eth0"}, came{"10.0.0.1", "http"}},
		"IPv4 in brackets":                         {proxy, []string{"X-Forwarded-For", "[198.51.100.1]"}, came{"10.0.0.1", "http"}},
		"IPv4 as IPv6":                             {proxy, []string{"X-Forwarded-For", "::ffff:198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a proxy written as IPv6":                  {proxy, []string{"X-Forwarded-For", "198.51.100.1, ::ffff:10.3.3.3"}, came{"198.51.100.1", "http"}},
		"IPv4 with a leading zero":                 {proxy, []string{"X-Forwarded-For", "198.051.100.1"}, came{"10.0.0.1", "http"}},
		"IPv4 as a number":                         {proxy, []string{"X-Forwarded-For", "3325256705"}, came{"10.0.0.1", "http"}},
		"no address at all":                        {proxy, []string{"X-Forwarded-For", "0.0.0.0"}, came{"10.0.0.1", "http"}},
		"more proxies than there are":              {proxy, []string{"X-Forwarded-For", "198.51.100.1" + strings.Repeat(", 10.3.3.3", 16)}, came{"10.0.0.1", "http"}},
		"a host name":                              {proxy, []string{"X-Forwarded-For", "localhost"}, came{"10.0.0.1", "http"}},
		"a proxy of another header":                {proxy, []string{"X-Real-Ip", "198.51.100.1", "True-Client-Ip", "198.51.100.1"}, came{"10.0.0.1", "http"}},
		"a proxy of IPv6":                          {"[2001:db8:1::5]:443", []string{"X-Forwarded-For", "198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a proxy of IPv4 on a socket of IPv6":      {"[::ffff:10.0.0.1]:443", []string{"X-Forwarded-For", "198.51.100.1"}, came{"198.51.100.1", "http"}},
		"a neighbour of a proxy":                   {"192.168.1.2:443", []string{"X-Forwarded-For", "198.51.100.1"}, came{"192.168.1.2", "http"}},
		"a peer without an address":                {"@", []string{"X-Forwarded-For", "198.51.100.1"}, came{"invalid IP", "http"}},
		"Forwarded":                                {proxy, []string{"Forwarded", `for=198.51.100.1;proto=https;by=10.0.0.1`}, came{"198.51.100.1", "https"}},
		"Forwarded in upper case":                  {proxy, []string{"Forwarded", `FOR="198.51.100.1:80" ; Proto=HTTPS`}, came{"198.51.100.1", "https"}},
		"Forwarded with IPv6":                      {proxy, []string{"Forwarded", `for="[2001:db8::7]:80"`}, came{"2001:db8::7", "http"}},
		"Forwarded of several proxies":             {proxy, []string{"Forwarded", `for=1.1.1.1;proto=https, for=198.51.100.1;proto=http, for=10.3.3.3;proto=https`}, came{"198.51.100.1", "http"}},
		"Forwarded on several lines":               {proxy, []string{"Forwarded", `for=1.1.1.1`, "Forwarded", `for=198.51.100.1`}, came{"198.51.100.1", "http"}},
		"Forwarded of nobody":                      {proxy, []string{"Forwarded", `for=unknown`}, came{"10.0.0.1", "http"}},
		"Forwarded of somebody hidden":             {proxy, []string{"Forwarded", `for=_hidden`}, came{"10.0.0.1", "http"}},
		"Forwarded without for":                    {proxy, []string{"Forwarded", `proto=https`}, came{"10.0.0.1", "http"}},
		"Forwarded with for twice":                 {proxy, []string{"Forwarded", `for=1.1.1.1;for=198.51.100.1`}, came{"10.0.0.1", "http"}},
		"Forwarded with a quote that stays open":   {proxy, []string{"Forwarded", `for="198.51.100.1`}, came{"10.0.0.1", "http"}},
		"Forwarded with an escape":                 {proxy, []string{"Forwarded", `for="198.51.100.1\""`}, came{"10.0.0.1", "http"}},
		"Forwarded with a comma in quotes":         {proxy, []string{"Forwarded", `for=1.1.1.1;x="a, for=2.2.2.2", for=198.51.100.1`}, came{"198.51.100.1", "http"}},
		"Forwarded with a quote to hide the proxy": {proxy, []string{"Forwarded", `for="1.1.1.1`, "Forwarded", `for=198.51.100.1`}, came{"10.0.0.1", "http"}},
		"Forwarded that is empty":                  {proxy, []string{"Forwarded", ``}, came{"10.0.0.1", "http"}},
		"both kinds of chain":                      {proxy, []string{"Forwarded", `for=198.51.100.1`, "X-Forwarded-For", "198.51.100.2"}, came{"10.0.0.1", "http"}},
	} {
		got := cameFrom(t, proxies, func(r *http.Request) {
			r.RemoteAddr = c.peer
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Add(c.headers[i], c.headers[i+1])
			}
		})
		if got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	got := cameFrom(t, nil, func(r *http.Request) { r.RemoteAddr, r.TLS = stranger, &tls.ConnectionState{} })
	if got != (came{"203.0.113.9", "https"}) {
		t.Errorf("TLS with this server: got %v", got)
	}
}

// TestNothingThatAClientWritesChangesItsAddress: what a client sends is left of what the proxy adds.
func TestNothingThatAClientWritesChangesItsAddress(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{"X-Forwarded-For", "Forwarded"}).Draw(rt, "name")
		own := rapid.SliceOfN(rapid.StringMatching(`([0-9a-f.:\[\]]|10\.0\.0\.1|for=|[,;="\\ ]|proto=https){0,12}`), 0, 4).Draw(rt, "own")
		added := "198.51.100.1"
		if name == "Forwarded" {
			added = "for=" + added
		}
		got := cameFrom(t, []string{"10.0.0.0/8"}, func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:1"
			r.Header[name] = append(own, added)
		})
		if got.addr != "198.51.100.1" && got.addr != "10.0.0.1" || name == "X-Forwarded-For" && got.addr == "10.0.0.1" {
			rt.Errorf("%q: got %v", own, got)
		}
	})
}

func TestTrustedProxiesThatCannotBeMeant(t *testing.T) {
	for _, text := range []string{"", "x", "10.0.0.0/33", "10.0.0.1-10.0.0.9", "fe80::1%eth0", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104"} {
		if _, err := graph.ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if _, err := graph.ParseProxies(make([]string, 65)); err == nil {
		t.Error("65 networks are accepted")
	}
	list, err := graph.ParseProxies([]string{"10.1.2.3/8"})
	if want := netip.MustParsePrefix("10.0.0.0/8"); err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestTheLogHasTheNetworkNotTheAddress(t *testing.T) {
	for peer, want := range map[string]string{
		"203.0.113.77:1": "203.0.113.0/24", "[2001:db8:aaaa:bbbb::7]:1": "2001:db8:aaaa::/48", "@": `""`,
	} {
		s, buffer := newLogged(t)
		r := httptest.NewRequest("POST", "/graphql", nil)
		r.RemoteAddr = peer
		s.NewID = func() string { return "id" }
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if log := buffer.String(); !strings.Contains(log, fmt.Sprintf("client=%s ", want)) || strings.Contains(log, "113.77") || strings.Contains(log, "bbbb") {
			t.Errorf("%s: got %s", peer, log)
		}
	}
}
