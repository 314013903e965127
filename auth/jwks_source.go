package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	fetchTimeout = 3 * time.Second // of one reading, body included
	maxSetBytes  = 256 << 10
)

// Outcomes of a reading.
const (
	outcomeOK          = "ok"
	outcomeUnreachable = "unreachable" // no answer in time
	outcomeStatus      = "status"      // an answer other than 200, redirects included
	outcomeTooLarge    = "too_large"
	outcomeInvalid     = "invalid" // a set that is refused
)

// fetchError is a reading that failed.
type fetchError struct {
	outcome string
	err     error
}

func (e fetchError) Error() string { return e.err.Error() }
func (e fetchError) Unwrap() error { return e.err }

// keySource reads a key set.
type keySource func(ctx context.Context) ([]byte, error)

// newKeySource reads from an https URL, an http URL of this host, or a file. The address is fixed: nothing that a token or a
// provider says changes it.
func newKeySource(source string) (keySource, error) {
	if !strings.Contains(source, "://") {
		if source == "" {
			return nil, errors.New("auth: a key set needs a URL or a file")
		}
		return fileSource(source), nil
	}
	u, err := url.Parse(source)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("auth: the URL of a key set cannot be read, or names a user or a fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("auth: the key set at %s must be read by https", u.Host)
	}
	return fetchSource(u.String()), nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// fetchSource reads by HTTP: no redirects, no proxies, no compression, bounded in time and size.
func fetchSource(address string) keySource {
	client := &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: fetchTimeout}).DialContext,
			TLSHandshakeTimeout:    fetchTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
			MaxConnsPerHost:        2,
			IdleConnTimeout:        90 * time.Second,
		},
	}
	return func(ctx context.Context) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Accept", "application/jwk-set+json, application/json")
		answer, err := client.Do(request)
		if err != nil {
			return nil, fetchError{outcomeUnreachable, err}
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fetchError{outcomeStatus, fmt.Errorf("the provider answered %d", answer.StatusCode)}
		}
		return readSet(answer.Body)
	}
}

func readSet(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSetBytes+1))
	switch {
	case err != nil:
		return nil, fetchError{outcomeUnreachable, err}
	case len(raw) > maxSetBytes:
		return nil, fetchError{outcomeTooLarge, fmt.Errorf("the key set has more than %d bytes", maxSetBytes)}
	}
	return raw, nil
}

// fileSource reads a file, each time: whoever replaces it need not tell.
func fileSource(path string) keySource {
	return func(context.Context) ([]byte, error) {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("this is no file")
		}
		if err != nil {
			return nil, fetchError{outcomeUnreachable, err}
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, fetchError{outcomeUnreachable, err}
		}
		defer file.Close() //nolint:errcheck // it was only read
		return readSet(file)
	}
}
