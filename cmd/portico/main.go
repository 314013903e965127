// Command portico is the gateway: `serve` runs it over a retailer's systems, `demo` over stand-ins of them, `token` and
// `schema` print what their names say. This package reads settings and wires packages together; it decides nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/stock"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	redis.SetLogger(silent{})
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "portico:", retail.Scrub(err.Error()))
		os.Exit(1)
	}
}

// defaults are those of the packages that the settings belong to; a command may set its own.
func defaults() kong.Vars {
	policy, feed, orders := stock.DefaultPolicy(), stock.DefaultFeedConfig(), ordering.DefaultConfig()
	sockets := graph.DefaultSocketConfig()
	return kong.Vars{
		"lowStock": strconv.Itoa(policy.LowStock), "quantityCap": strconv.Itoa(policy.QuantityCap),
		"pickers": strconv.Itoa(policy.Pickers), "staleAfter": policy.StaleAfter.String(),
		"reviewWithin": orders.ReviewWithin.String(), "riskWindow": orders.Risk.Window.String(),
		"riskOrders": strconv.Itoa(orders.Risk.Orders), "riskFailures": strconv.Itoa(orders.Risk.Failures),
		"riskUnits": strconv.Itoa(orders.Risk.Units), "riskMethods": strconv.Itoa(orders.Risk.Methods),
		"riskTimes": strconv.Itoa(orders.Risk.Times), "riskAmount": strconv.FormatInt(orders.Risk.Amount, 10),
		"riskEarlier":  strconv.Itoa(orders.Risk.Earlier),
		"unknownAfter": policy.UnknownAfter.String(), "feedInterval": feed.Interval.String(),
		"requestTimeout": graph.DefaultLimits().Timeout.String(), "drainDelay": graph.DefaultServerConfig().DrainDelay.String(),
		"rates":     "",
		"adminAddr": "127.0.0.1:9090", "addressConnections": strconv.Itoa(graph.DefaultServerConfig().ConnectionsPerAddress),
		"addressSockets": strconv.Itoa(sockets.PerAddress), "subscriberSockets": strconv.Itoa(sockets.PerPrincipal),
		"socketOperations": strconv.Itoa(sockets.Operations),
	}
}

// silent keeps go-redis from writing lines of its own among the log. What fails there is logged by those who called it.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// cli is the command line. Every flag can also be given as a variable PORTICO_… or, for serve, in the config file.
type cli struct {
	Serve  serveCmd  `cmd:"" set:"logLevel=info" help:"Serve the gateway over a retailer's ERP, POS and shop."`
	Demo   demoCmd   `cmd:"" set:"rates=all=off" set:"logLevel=warn" set:"drainDelay=0s" set:"adminAddr=127.0.0.1:0" set:"staleAfter=10s" set:"unknownAfter=2m" set:"riskOrders=0" set:"riskUnits=12" set:"feedInterval=250ms" help:"Serve the gateway over stand-in backends that run in this process."`
	Token  tokenCmd  `cmd:"" help:"Print a token that the running demo accepts."`
	Revoke revokeCmd `cmd:"" set:"logLevel=warn" help:"Take back tokens."`
	Schema schemaCmd `cmd:"" help:"Print the schema."`

	Partners partnersCmd `cmd:"" help:"Look at files of partner platforms."`
	Audit    auditCmd    `cmd:"" help:"Look at the record of who read whose personal data."`
	Access   accessCmd   `cmd:"" help:"Print who may ask what."`
	Limits   limitsCmd   `cmd:"" help:"Print what each class of callers may ask."`
	SBOM     sbomCmd     `cmd:"" name:"sbom" help:"Print what this program is made of (CycloneDX)."`

	Documents documentsCmd `cmd:"" help:"Look at the documents that client apps ask."`
}

// streams are where a command writes: what it was asked for to out, what happens to log.
type streams struct{ out, log io.Writer }

// run is the program: it returns when its command is done or ctx ends.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) (err error) {
	var c cli
	exited := false
	parser, err := kong.New(&c,
		kong.Name("portico"), kong.Description("A GraphQL gateway for omnichannel retail."), kong.UsageOnError(),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { exited = true }),
		defaults(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{out: stdout, log: stderr}),
	)
	if err != nil {
		return err
	}
	settings, err := readSettings(args, env)
	if err != nil {
		return err
	}
	if err := kong.Resolvers(settings).Apply(parser); err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if exited { // --help
		return nil
	}
	if err != nil {
		return err
	}
	if err := command.Run(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
