package graph_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/graph"
)

// pair is a certificate for 127.0.0.1 that signs itself, and its key, as PEM.
type pair struct{ chain, key []byte }

func mustPair(t testing.TB, serial int64, from, until time.Time) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "portico"}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
}

// files are where a pair lies.
type files struct{ chain, key string }

func newFiles(t testing.TB, p pair) files {
	t.Helper()
	dir := t.TempDir()
	f := files{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	f.put(t, p)
	return f
}

func (f files) put(t testing.TB, p pair) {
	t.Helper()
	for path, content := range map[string][]byte{f.chain: p.chain, f.key: p.key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificatesThatAreNotServed(t *testing.T) {
	now := time.Now()
	good, other := mustPair(t, 1, now.Add(-time.Hour), now.Add(time.Hour)), mustPair(t, 2, now.Add(-time.Hour), now.Add(time.Hour))
	for name, c := range map[string]struct {
		pair pair
		want string
	}{
		"expired":               {mustPair(t, 3, now.Add(-2*time.Hour), now.Add(-time.Hour)), "expired on"},
		"not yet in force":      {mustPair(t, 4, now.Add(time.Hour), now.Add(2*time.Hour)), "begins on"},
		"the key of another":    {pair{good.chain, other.key}, "does not match"},
		"no certificate":        {pair{[]byte("x"), good.key}, "PEM"},
		"no key":                {pair{good.chain, nil}, "PEM"},
		"the files in a muddle": {pair{good.key, good.chain}, "certificate"},
		"a file without end":    {pair{bytes.Repeat([]byte("x"), 2<<20), good.key}, "larger than"},
	} {
		f := newFiles(t, c.pair)
		_, err := graph.OpenCertificate(f.chain, f.key, time.Now, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "PRIVATE KEY-----") {
			t.Errorf("%s: got %v, want a word on %q", name, err, c.want)
		}
	}
	if _, err := graph.OpenCertificate("/no/such/file", "/none", time.Now, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil {
		t.Error("a file that is not there is served")
	}
}

// TestACertificateIsReplacedUnderLoad asks over HTTP/2 and HTTP/1.1 while sound and broken pairs are put in place.
func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	defer goleak.VerifyNone(t)
	now := time.Now()
	var log safeBuffer
	reg := prometheus.NewRegistry()
	first := mustPair(t, 1, now.Add(-time.Hour), now.Add(time.Hour))
	f := newFiles(t, first)
	certificate, err := graph.OpenCertificate(f.chain, f.key, time.Now, slog.New(slog.NewTextHandler(&log, nil)), reg)
	if err != nil {
		t.Fatal(err)
	}
	watching, stopWatching := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); certificate.Run(watching, 5*time.Millisecond) }()
	s := mustServer(t, mustHandler(t, newStub()))
	s.Log, s.Certificate = slog.New(slog.DiscardHandler), certificate
	r := mustServe(t, s)
	url := "https://" + r.addr

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(first.chain)
	pairs := []pair{first}
	for serial := int64(2); serial < 8; serial++ {
		pairs = append(pairs, mustPair(t, serial, now.Add(-time.Hour), now.Add(time.Duration(serial)*time.Hour)))
		roots.AppendCertsFromPEM(pairs[len(pairs)-1].chain)
	}
	var served atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: worker%2 == 0}
			client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
			defer transport.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := client.Post(url+"/graphql", "application/json", strings.NewReader(query("{__typename}")))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if want := 1 + (worker+1)%2; resp.StatusCode != 200 || resp.ProtoMajor != want || resp.Header.Get("Strict-Transport-Security") == "" {
					t.Errorf("got %d over %s, %v", resp.StatusCode, resp.Proto, resp.Header)
				}
				served.Add(1)
				if n%5 == 4 {
					transport.CloseIdleConnections() // the next one shakes hands again
				}
			}
		})
	}
	serial := func() int64 {
		conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: roots})
		if err != nil {
			t.Error(err)
			return 0
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	for i, p := range pairs[1:] {
		f.put(t, pair{p.chain, []byte("half a fi")}) // as somebody sees it who looks between the two writes
		eventually(t, func() bool { return strings.Count(log.String(), "was not replaced") > i })
		f.put(t, p)
		eventually(t, func() bool { return serial() == int64(i+2) })
	}
	f.put(t, mustPair(t, 99, now.Add(-2*time.Hour), now.Add(-time.Hour)))
	eventually(t, func() bool { return strings.Contains(log.String(), "expired on") })
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), "no such file") })
	if got := serial(); got != 7 {
		t.Errorf("after broken pairs the certificate is %d", got)
	}
	target := served.Load() + 50
	eventually(t, func() bool { return served.Load() >= target || t.Failed() })
	close(stop)
	wg.Wait()
	if _, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: roots}); err != nil || conn.ConnectionState().Version != tls.VersionTLS13 {
		t.Errorf("TLS 1.3 is not spoken: %v", err)
	} else {
		_ = conn.Close()
	}
	want := now.Add(7 * time.Hour).Truncate(time.Second).Unix()
	if got, err := testutil.GatherAndCount(reg, "portico_tls_certificate_expiry_timestamp_seconds"); got != 1 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	families, err := reg.Gather()
	if err != nil || int64(families[0].GetMetric()[0].GetGauge().GetValue()) != want {
		t.Errorf("the expiry is %v, want %d; %v", families, want, err)
	}
	stopWatching()
	<-watched
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "\n"); n > 2*len(pairs)+20 {
		t.Errorf("the log has %d lines: %s", n, log.String())
	}
}

// safeBuffer is a buffer that goroutines share.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
