package graph

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail/refresh"
)

// Certificate is what the server shows its clients, read from two PEM files and again when they change.
type Certificate struct {
	chainFile, keyFile string
	now                func() time.Time
	log                *slog.Logger
	current            atomic.Pointer[tls.Certificate]
	seen               [sha256.Size]byte // of both files, sound or not; of the one goroutine that reloads
	trouble            string            // what was logged last, likewise
}

// CertificateEvery is the usual pause between looks at the files.
const CertificateEvery = 10 * time.Second

// OpenCertificate reads a certificate chain and its key, which must fit each other and be in force. It registers a gauge of the
// expiry with reg.
func OpenCertificate(chainFile, keyFile string, now func() time.Time, log *slog.Logger, reg prometheus.Registerer) (*Certificate, error) {
	c := &Certificate{chainFile: chainFile, keyFile: keyFile, now: now, log: log}
	chain, key, err := c.read()
	if err != nil {
		return nil, err
	}
	pair, err := c.parse(chain, key)
	if err != nil {
		return nil, err
	}
	c.current.Store(pair)
	c.seen = digest(chain, key)
	return c, reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_tls_certificate_expiry_timestamp_seconds", Help: "When the certificate that is served expires, Unix time.",
	}, func() float64 { return float64(c.current.Load().Leaf.NotAfter.Unix()) }))
}

// Config serves the current certificate with TLS 1.2 and later.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// Run looks at the files again and again until ctx ends.
func (c *Certificate) Run(ctx context.Context, every time.Duration) {
	refresh.Every(ctx, every, func() { c.reload(ctx) })
}

// reload takes up what is in the files when it is another sound pair. While the two files are being replaced they do not fit: then
// the old pair stays until they do.
func (c *Certificate) reload(ctx context.Context) {
	chain, key, err := c.read()
	if err == nil {
		sum := digest(chain, key)
		if sum == c.seen {
			return
		}
		c.seen = sum
		var pair *tls.Certificate
		if pair, err = c.parse(chain, key); err == nil {
			c.trouble = ""
			c.current.Store(pair)
			c.log.InfoContext(ctx, "the certificate was replaced", slog.Time("expires", pair.Leaf.NotAfter))
			return
		}
	}
	if c.trouble != err.Error() {
		c.trouble = err.Error()
		c.log.ErrorContext(ctx, "the certificate was not replaced", slog.Any("error", err))
	}
}

// maxPEM bounds a file of a certificate chain or a key.
const maxPEM = 1 << 20

func (c *Certificate) read() (chain, key []byte, err error) {
	if chain, err = readSmall(c.chainFile); err != nil {
		return nil, nil, err
	}
	key, err = readSmall(c.keyFile)
	return chain, key, err
}

func readSmall(path string) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if content, err = io.ReadAll(io.LimitReader(f, maxPEM+1)); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if len(content) > maxPEM {
		return nil, fmt.Errorf("tls: %s is larger than %d bytes", path, maxPEM)
	}
	return content, nil
}

// parse checks that a pair fits and is in force.
func (c *Certificate) parse(chain, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("tls: %s and %s: %w", c.chainFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("tls: %s: %w", c.chainFile, err)
		}
	}
	switch now := c.now(); {
	case now.After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("tls: the certificate in %s expired on %s", c.chainFile, pair.Leaf.NotAfter.Format(time.RFC3339))
	case now.Before(pair.Leaf.NotBefore):
		return nil, fmt.Errorf("tls: the certificate in %s begins on %s", c.chainFile, pair.Leaf.NotBefore.Format(time.RFC3339))
	}
	return &pair, nil
}

func digest(chain, key []byte) [sha256.Size]byte {
	return sha256.Sum256(bytes.Join([][]byte{chain, key}, []byte{0}))
}
