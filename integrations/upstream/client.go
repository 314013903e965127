package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ErrBadAnswer says that a backend's HTTP answer breaks a rule of the client: too large, or encoded without being asked.
var ErrBadAnswer = errors.New("upstream: answer refused")

// HTTPConfig describes the HTTP door of a backend. A zero limit means its default.
type HTTPConfig struct {
	// URL is the base, http or https, without query; request paths are appended.
	URL string
	// MaxBodyBytes bounds an answer's body. Default 16 MiB.
	MaxBodyBytes int64
	// DialTimeout bounds the TCP connection and the TLS handshake, each. Default 1 s.
	DialTimeout time.Duration
	// HeaderTimeout bounds the wait for an answer's header. Default 5 s.
	HeaderTimeout time.Duration
}

func (c HTTPConfig) withDefaults() HTTPConfig {
	or(&c.MaxBodyBytes, 16<<20)
	or(&c.DialTimeout, time.Second)
	or(&c.HeaderTimeout, 5*time.Second)
	return c
}

// Validate says which field is out of bounds.
func (c HTTPConfig) Validate() error {
	c = c.withDefaults()
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "":
		return errors.New("upstream: URL is not an http or https address without query")
	case c.MaxBodyBytes < 1 || c.MaxBodyBytes > 1<<30:
		return fmt.Errorf("upstream: MaxBodyBytes %d is not within 1 to 1 GiB", c.MaxBodyBytes)
	case c.DialTimeout < 0 || c.HeaderTimeout < 0:
		return errors.New("upstream: a timeout is negative")
	}
	return nil
}

// Client sends HTTP requests to one backend. It uses no proxy of the environment, follows no redirect, and asks for no
// compression: what arrives is what is counted against the cap.
type Client struct {
	cfg  HTTPConfig
	base *url.URL
	http *http.Client
}

// NewClient returns a client that keeps up to conns idle connections; conns should be the sum of the bulkheads before it.
// It panics when cfg is not valid.
func NewClient(cfg HTTPConfig, conns int) *Client {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	cfg = cfg.withDefaults()
	base, _ := url.Parse(cfg.URL) // Validate has parsed it
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    cfg.DialTimeout,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		MaxIdleConns:           conns,
		MaxIdleConnsPerHost:    conns,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is an HTTP request that is safe to repeat: the transport may send it again when a kept connection turns out
// to be dead.
type Request struct {
	Method string
	Path   string // appended to the base
	Query  url.Values
	Header http.Header
	Body   []byte
	// MaxBodyBytes is a lower cap on the answer's body than the client's; 0 means none.
	MaxBodyBytes int64
}

// Response is an answer read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Send makes one exchange. An answer of any status is a Response; errors are those of the transport, or ErrBadAnswer.
func (c *Client) Send(ctx context.Context, r Request) (*Response, error) {
	u := c.base.JoinPath(r.Path)
	u.RawQuery = r.Query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, retail.Redact("upstream: request", err)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header["Idempotency-Key"] = nil // marks the request as safe to replay; net/http does not send it
	res, err := c.http.Do(req)
	if err != nil {
		return nil, retail.Redact("upstream: send", err) // the error of net/http holds the URL
	}
	defer res.Body.Close()
	if enc := res.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, fmt.Errorf("%w: it is encoded", ErrBadAnswer)
	}
	limit := c.cfg.MaxBodyBytes
	if r.MaxBodyBytes > 0 {
		limit = min(limit, r.MaxBodyBytes)
	}
	body, err := readAll(res, limit)
	if err != nil {
		return nil, err
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func readAll(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, fmt.Errorf("%w: body of %d bytes is above the cap", ErrBadAnswer, res.ContentLength)
	}
	var buf bytes.Buffer
	if res.ContentLength > 0 {
		// One byte more than needed lets ReadFrom see the end without growing.
		buf.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(res.Body, limit+1)); err != nil {
		return nil, retail.Redact("upstream: read body", err)
	}
	if int64(buf.Len()) > limit {
		return nil, fmt.Errorf("%w: body is above the cap of %d bytes", ErrBadAnswer, limit)
	}
	return buf.Bytes(), nil
}
