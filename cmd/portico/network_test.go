package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes a certificate for 127.0.0.1 that ends at an instant, and its key.
func certify(t *testing.T, until time.Time) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	chain, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	must(t, os.WriteFile(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return chain, key
}

// freeAddress is one that nobody listens on for the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, ln.Close())
	return ln.Addr().String()
}

func TestTheGatewayOverTLS(t *testing.T) {
	chain, key := certify(t, time.Now().Add(time.Hour))
	admin := freeAddress(t)
	p := launch(t, []string{"PORTICO_TRUSTED_PROXY=10.0.0.0/8,192.168.0.0/16"}, "demo", "--addr", "127.0.0.1:0", "--still", "--data", t.TempDir(),
		"--tls-cert", chain, "--tls-key", key, "--admin-addr", admin, "--pprof")
	p.await(t)
	if !strings.HasPrefix(p.url, "https://") {
		t.Fatalf("ready at %s", p.url)
	}
	text, err := os.ReadFile(chain)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	get := func(url string) string {
		t.Helper()
		response, err := client.Get(url)
		must(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return fmt.Sprint(response.StatusCode, " ", response.Header.Get("Strict-Transport-Security"), " ", string(body))
	}
	public := strings.TrimSuffix(p.url, "/graphql")
	for url, want := range map[string]string{
		public + "/readyz": `200 max-age=31536000 {"ready":true}`, public + "/metrics": "404", public + "/debug/pprof/heap": "404",
		"http://" + admin + "/readyz":           `200  {"ready":true}`,
		"http://" + admin + "/debug/pprof/heap": "200",
		"http://" + admin + "/graphql":          "404",
	} {
		if got := get(url); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %.200s", url, got)
		}
	}
	if got := get("http://" + admin + "/metrics"); !strings.Contains(got, "portico_tls_certificate_expiry_timestamp_seconds") ||
		!strings.Contains(got, "portico_sockets_open 0") || !strings.Contains(got, "portico_connections_refused_total 0") {
		t.Errorf("the figures: %.200s", got)
	}
}

func TestNetworksThatCannotBeServed(t *testing.T) {
	chain, key := certify(t, time.Now().Add(time.Hour))
	_, other := certify(t, time.Now().Add(time.Hour))
	late, lateKey := certify(t, time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a certificate that has expired": {[]string{"--tls-cert", late, "--tls-key", lateKey}, "expired on"},
		"the key of another certificate": {[]string{"--tls-cert", chain, "--tls-key", other}, "does not match"},
		"a certificate without key":      {[]string{"--tls-cert", chain}, "belong together"},
		"a key without certificate":      {[]string{"--tls-key", key}, "belong together"},
		"a proxy that is everybody":      {[]string{"--trusted-proxy", "0.0.0.0/0"}, "trusts everybody"},
		"a proxy that is nobody":         {[]string{"--trusted-proxy", "proxy.example"}, "no network"},
		"fewer connections than none":    {[]string{"--address-connections=-1"}, "connections"},
		"no operation on a socket":       {[]string{"--socket-operations", "0"}, "sockets"},
		"an admin address of nobody":     {[]string{"--admin-addr", "192.0.2.1:1"}, "admin"},
	} {
		_, err := output(t, nil, append([]string{"demo", "--addr", "127.0.0.1:0", "--still", "--data", t.TempDir()}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a word on %q", name, err, c.want)
		}
	}
}
