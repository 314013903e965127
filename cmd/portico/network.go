package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/graph"
)

// networkFlags say how the gateway is reached.
type networkFlags struct {
	AdminAddr            string   `default:"${adminAddr}" help:"Address of /metrics, /healthz and /readyz with what is missing; for those who run the gateway only, who ask by an address or the name given here. Empty serves them nowhere."`
	Pprof                bool     `help:"Serve the runtime's profiles at the admin address."`
	TLSCert              string   `name:"tls-cert" placeholder:"FILE" help:"PEM file with the certificate chain to show to clients; read again when it changes."`
	TLSKey               string   `name:"tls-key" placeholder:"FILE" help:"PEM file with its private key."`
	TrustedProxy         []string `placeholder:"CIDR" help:"Networks of proxies that may say in X-Forwarded-For or Forwarded where a request comes from; list only those that overwrite or append to what clients send."`
	AddressConnections   int      `default:"${addressConnections}" help:"Connections of one client address at the same time, trusted proxies apart; 0 bounds none."`
	AddressSockets       int      `default:"${addressSockets}" help:"WebSockets of one client address at the same time."`
	SubscriberSockets    int      `default:"${subscriberSockets}" help:"WebSockets of one session at the same time."`
	SocketOperations     int      `default:"${socketOperations}" help:"Operations of one WebSocket at the same time."`
	DisableSubscriptions bool     `help:"Serve no WebSockets."`
}

// set turns the flags into settings of the server and its sockets.
func (f networkFlags) set(server *graph.ServerConfig, sockets *graph.SocketConfig) {
	server.Pprof, server.TrustedProxies, server.ConnectionsPerAddress = f.Pprof, f.TrustedProxy, f.AddressConnections
	if name, _, err := net.SplitHostPort(f.AdminAddr); err == nil {
		server.AdminNames = []string{strings.ToLower(name)}
	}
	*sockets = graph.DefaultSocketConfig()
	sockets.PerAddress, sockets.PerPrincipal, sockets.Operations = f.AddressSockets, f.SubscriberSockets, f.SocketOperations
	if f.DisableSubscriptions {
		sockets.Total = 0
	}
}

// open reads the certificate and opens the admin listener. The server closes it when it has run; close is for when it never does.
func (f networkFlags) open(ctx context.Context, s *graph.Server, log *slog.Logger, metrics prometheus.Registerer) (err error) {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return errors.New("tls: --tls-cert and --tls-key belong together")
	}
	if f.TLSCert != "" {
		if s.Certificate, err = graph.OpenCertificate(f.TLSCert, f.TLSKey, time.Now, log, metrics); err != nil {
			return err
		}
	}
	if f.AdminAddr != "" {
		if s.Admin, err = (&net.ListenConfig{}).Listen(ctx, "tcp", f.AdminAddr); err != nil {
			return fmt.Errorf("cannot listen for the admin routes: %w", err)
		}
	}
	return nil
}

// listen opens the public listener, after everything that can refuse to start.
func (f serverFlags) listen(ctx context.Context, s *graph.Server, log *slog.Logger, metrics prometheus.Registerer) (net.Listener, error) {
	if err := f.open(ctx, s, log, metrics); err != nil {
		return nil, err
	}
	ln, err := f.listenPublic(ctx)
	if err != nil && s.Admin != nil {
		err = errors.Join(err, s.Admin.Close())
	}
	return ln, err
}

func (f serverFlags) listenPublic(ctx context.Context) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.Addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return ln, nil
}

// base is the URL of a gateway that listens on ln.
func (f networkFlags) base(ln net.Listener) string {
	if f.TLSCert != "" {
		return "https://" + ln.Addr().String()
	}
	return "http://" + ln.Addr().String()
}

// sockets serve WebSockets, nil none.
func (g *gateway) sockets(config graph.SocketConfig, p parts) (*graph.Sockets, error) {
	if config != (graph.SocketConfig{}) && config.Total == 0 {
		return nil, nil //nolint:nilnil // none are wanted
	}
	o := graph.SocketOptions{Config: config, Now: p.Now}
	if g.identity.verifier != nil {
		o.Recheck = g.identity.verifier.Standing
	}
	return graph.NewSockets(g.handler, p.Log, p.Metrics, o)
}
