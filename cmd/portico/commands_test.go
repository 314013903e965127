package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/redisstore"
)

// program is a running command line.
type program struct {
	out  *bufio.Scanner
	url  string   // after await
	said []string // lines of stdout before the ready line
	stop func() error
}

// launch runs a command line until the test ends.
func launch(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var notes bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, env, writer, &notes)
		_ = writer.CloseWithError(io.EOF)
		ended <- err
	}()
	p := &program{out: bufio.NewScanner(reader)}
	stopped := false
	p.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		go func() { _, _ = io.Copy(io.Discard, reader) }()
		return <-ended
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, notes.String())
		}
	})
	return p
}

// await reads stdout up to the ready line.
func (p *program) await(t *testing.T) {
	t.Helper()
	for p.out.Scan() {
		if url, ok := strings.CutPrefix(p.out.Text(), "ready "); ok {
			p.url = url
			return
		}
		p.said = append(p.said, p.out.Text())
	}
	t.Fatalf("never ready: %q, %v", p.said, p.out.Err())
}

func (p *program) ask(t *testing.T, token, query string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	must(t, err)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url, bytes.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return string(text)
}

// output runs a command that ends by itself.
func output(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	var out, notes bytes.Buffer
	err := run(context.Background(), args, env, &out, &notes)
	return out.String(), err
}

func TestDemoAcceptsThePrintedToken(t *testing.T) {
	data := t.TempDir()
	p := launch(t, nil, "demo", "--addr", "127.0.0.1:0", "--data", data, "--still")
	p.await(t)
	token, err := output(t, nil, "token", "--role", "associate", "--data", data)
	must(t, err)
	const query = `{ stockCheck(skus: ["10000022"], locationIds: ["S-SH01"]) { items { breakdown { onHand } } } }`
	if got := p.ask(t, strings.TrimSpace(token), query); !strings.Contains(got, `"onHand":`) {
		t.Error(got)
	}
	member, err := output(t, nil, "token", "--role", "member", "--data", data)
	must(t, err)
	if got := p.ask(t, strings.TrimSpace(member), query); !strings.Contains(got, `"FORBIDDEN"`) {
		t.Error(got)
	}
	stranger, err := output(t, nil, "token", "--role", "operator", "--data", t.TempDir())
	must(t, err)
	if got := p.ask(t, strings.TrimSpace(stranger), query); !strings.Contains(got, `"UNAUTHENTICATED"`) {
		t.Error(got)
	}
}

const tinyTrade = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
2,85123a ,HEART,4,2010-12-01 08:27:00,2.75,,United Kingdom
C3,85123A,HEART,-2,2010-12-01 08:28:00,2.55,17850.0,United Kingdom
4,22423,CAKESTAND,2500,2010-12-01 08:29:00,12.75,12583.0,France
5,22423,damaged,-7,2010-12-01 08:30:00,0,,United Kingdom
6,POST,POSTAGE,3,2010-12-01 08:31:00,18.00,12583.0,France
`

func TestDemoReplaysATrade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trade.csv")
	must(t, os.WriteFile(file, []byte(tinyTrade), 0o600))
	for _, disorder := range []bool{false, true} {
		data := t.TempDir()
		args := []string{"demo", "--addr", "127.0.0.1:0", "--data", data, "--trade", file}
		if disorder {
			args = append(args, "--trade-disorder")
		}
		p := launch(t, nil, args...)
		p.await(t)
		report := strings.Join(p.said, "\n")
		for _, want := range []string{"sales", "returns", "adjustments", `"POST" 1`, "mismatches            0"} {
			if !strings.Contains(report, want) {
				t.Errorf("the report lacks %q:\n%s", want, report)
			}
		}
		token, err := output(t, nil, "token", "--role", "operator", "--data", data)
		must(t, err)
		got := p.ask(t, strings.TrimSpace(token), `{ stockCheck(skus: ["85123A", "22423"], locationIds: ["UK-06", "UK-DC", "FRANCE"]) {
			items { location { code } sku quantity { value } reasons breakdown { onHand availableToPromise } } } }`)
		for pair, want := range map[string]string{
			`"UK-06"},"sku":"85123A"`:  `"onHand":2374,"availableToPromise":2374`, // 2000 + 85123 mod 997 − 6 + 2
			`"UK-DC"},"sku":"85123A"`:  `"onHand":50374,"availableToPromise":50374`,
			`"FRANCE"},"sku":"22423"`:  `"onHand":-11,"availableToPromise":0`,
			`"UK-DC"},"sku":"22423"`:   `"onHand":50482,"availableToPromise":50482`,
			`"FRANCE"},"sku":"85123A"`: `"reasons":["NOT_RANGED"`,
		} {
			_, rest, found := strings.Cut(got, `{"location":{"code":`+pair)
			if item, _, _ := strings.Cut(rest, `{"location"`); !found || !strings.Contains(item, want) {
				t.Errorf("%s: want %s in %s", pair, want, got)
			}
		}
		must(t, p.stop())
	}
}

func TestServeReadsItsConfigFile(t *testing.T) {
	erpFile := filepath.Join(t.TempDir(), "erp.db")
	stand, err := demo.StartStand(t.Context(), demo.Builtin(1, time.Now()), demo.StandOptions{
		ERPDSN: erpFile, Seed: 1, Now: time.Now,
	})
	must(t, err)
	beating, stopBeating := context.WithCancel(context.Background())
	beats := make(chan error, 1)
	go func() { beats <- stand.Run(beating) }()
	t.Cleanup(func() { stopBeating(); must(t, <-beats); must(t, stand.Close()) })
	redis, err := redisstore.StartEmbedded()
	must(t, err)
	t.Cleanup(redis.Close)
	config := filepath.Join(t.TempDir(), "portico.yaml")
	must(t, os.WriteFile(config, []byte(strings.Join([]string{
		"addr: 127.0.0.1:0", "admin-addr: 127.0.0.1:0", "drain-delay: 0s", "redis: [" + redis.URL() + "]", "erp-dsn: " + erpFile,
		"ledger-dsn: " + filepath.Join(t.TempDir(), "ledger.db"), "pos-url: " + stand.POSURL, "shop-url: http://127.0.0.1:1 # the variable wins", "log-level: error",
	}, "\n")), 0o600))
	env := []string{"PORTICO_SHOP_API_KEY=" + stand.ShopKey, "PORTICO_SHOP_URL=" + stand.ShopURL}
	p := launch(t, env, "serve", "--config", config)
	p.await(t)
	got := p.ask(t, "", `{ stockCheck(skus: ["10000022"], locationIds: ["S-SH01"]) { items { level } } __schema { types { name } } }`)
	if !strings.Contains(got, "ntrospection") || strings.Contains(got, `"Product"`) {
		t.Errorf("introspection is off unless asked for: %s", got)
	}
	got = p.ask(t, "", `{ stockCheck(skus: ["10000022"], locationIds: ["S-SH01"]) { items { level } } }`)
	if !strings.Contains(got, `"level":"IN_STOCK"`) {
		t.Error(got)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "portico.yaml")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	whole := "redis: 127.0.0.1:1\nledger-dsn: " + filepath.Join(t.TempDir(), "ledger.db") + "\nerp-dsn: /none\npos-url: http://pos\nshop-url: http://shop\nshop-api-key: k\n"
	for name, c := range map[string]struct {
		args []string
		env  []string
		want string
	}{
		"no command":                 {nil, nil, "expected one of"},
		"unknown flag":               {[]string{"demo", "--nonsense"}, nil, "unknown flag"},
		"missing file":               {[]string{"serve", "--config", "/no/such/file"}, nil, "no such file"},
		"unknown key":                {[]string{"serve", "--config", file(whole + "redis-adress: x\n")}, nil, `no setting "redis-adress"`},
		"no YAML":                    {[]string{"serve", "--config", file("{")}, nil, "config"},
		"section instead of value":   {[]string{"serve", "--config", file(whole + "addr: {host: x}\n")}, nil, "not a section"},
		"no ledger":                  {[]string{"serve", "--config", file(strings.Replace(whole, "ledger-dsn", "#", 1))}, nil, "--ledger-dsn is required"},
		"missing backend":            {[]string{"serve"}, nil, "missing flags"},
		"no Redis":                   {[]string{"serve", "--config", file(strings.TrimPrefix(whole, "redis: 127.0.0.1:1\n"))}, nil, "--redis is required"},
		"absurd policy":              {[]string{"serve", "--config", file(whole + "stock-pickers: 0\n")}, nil, "pickers"},
		"bad duration":               {[]string{"demo"}, []string{"PORTICO_REQUEST_TIMEOUT=soon"}, "request-timeout"},
		"key that is none":           {[]string{"serve", "--config", file(whole + "token-key: /etc/hostname\n")}, nil, "PEM"},
		"unknown scope":              {[]string{"token", "--role", "partner", "--scope", "stock:write"}, nil, `no scope "stock:write"`},
		"role that is none":          {[]string{"token", "--role", "root"}, nil, "--role"},
		"trade file that is missing": {[]string{"demo", "--trade", "/no/such/trade.csv"}, nil, "no such file"},
		"currency that is none":      {[]string{"serve", "--config", file(whole + "currency: EURO\n")}, nil, "ISO 4217"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := output(t, c.env, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSchemaPrintsThePublishedContract(t *testing.T) {
	want, err := os.ReadFile("../../schema/testdata/printed.graphql")
	must(t, err)
	got, err := output(t, nil, "schema")
	must(t, err)
	if got != string(want) {
		t.Error("portico schema differs from schema/testdata/printed.graphql: go test ./schema -update")
	}
}

func TestADemoNeverMeetsWhatAnEarlierOneStored(t *testing.T) {
	c := demoCmd{redisFlags: redisFlags{RedisPrefix: "mine:"}}
	first, second := c.keyPrefix(), c.keyPrefix()
	if first == second || !strings.HasPrefix(first, "mine:demo-") {
		t.Errorf("prefixes %q and %q, want two that begin with mine:demo-", first, second)
	}
}
