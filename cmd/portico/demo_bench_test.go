package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/portico-retail/portico/integrations/demo"
)

// asProgram makes the test binary be the program, so that a benchmark can measure a process of its own.
const asProgram = "PORTICO_BENCH_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], nil, os.Stdout, os.Stderr); err != nil {
		panic(err)
	}
}

var (
	pace       = regexp.MustCompile(`([0-9]+) lines/s`)
	mismatches = regexp.MustCompile(`mismatches +([0-9]+)`)
	peak       = regexp.MustCompile(`VmHWM:\s+([0-9]+) kB`)
)

// BenchmarkDemo runs `portico demo` as a process of its own, over the built-in retailer and, when PORTICO_TRADE_FILE names
// it, over a real trade, and reports its peak memory, the pace of the replay and the mismatches with the books.
func BenchmarkDemo(b *testing.B) {
	b.Run("builtin", func(b *testing.B) {
		for b.Loop() {
			demoProcess(b)
		}
	})
	for name, extra := range map[string][]string{"trade": nil, "disordered trade": {"--trade-disorder"}} {
		b.Run(name, func(b *testing.B) {
			file := os.Getenv("PORTICO_TRADE_FILE")
			if file == "" {
				b.Skip("needs a trade file: PORTICO_TRADE_FILE is not set")
			}
			if f, err := demo.OpenTrade(file); err != nil {
				b.Fatal(err)
			} else if err := f.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				said := demoProcess(b, append([]string{"--trade", file}, extra...)...)
				b.ReportMetric(found(b, pace, said), "lines/s")
				b.ReportMetric(found(b, mismatches, said), "mismatches")
			}
		})
	}
}

// demoProcess runs a demo until it is ready, reports its peak memory and returns what it said before.
func demoProcess(b *testing.B, extra ...string) string {
	b.Helper()
	command := exec.Command(os.Args[0], append([]string{"demo", "--addr", "127.0.0.1:0", "--data", b.TempDir()}, extra...)...)
	command.Env = append(os.Environ(), asProgram+"=1")
	out, err := command.StdoutPipe()
	must(b, err)
	must(b, command.Start())
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "ready "); {
		said.WriteString(lines.Text() + "\n")
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(command.Process.Pid) + "/status")
	if err == nil { // not on every system
		b.ReportMetric(found(b, peak, string(status))/1024, "MB-peak")
	}
	must(b, command.Process.Signal(syscall.SIGTERM))
	must(b, command.Wait())
	return said.String()
}

func found(b *testing.B, pattern *regexp.Regexp, text string) float64 {
	b.Helper()
	m := pattern.FindStringSubmatch(text)
	if m == nil {
		b.Fatalf("no %s in %s", pattern, text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	must(b, err)
	return n
}
