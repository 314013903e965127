package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

// loud is a value that tells everything about itself.
type loud struct{ Name, Phone string }

type secretive struct{}

func (secretive) LogValue() slog.Value { return slog.StringValue("call 13812348000") }

type broken struct{}

func (broken) String() string { panic("no") }

func TestAttributesOfEveryKindAreScrubbed(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(graph.ScrubHandler(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	fault := fmt.Errorf("erp: %w", retail.Unavailable(retail.SourceERP, errors.New("no customer 13812348000")))
	log.With("phone", "13812348000", "n", 7).WithGroup("g").LogAttrs(context.Background(), slog.LevelDebug, "call 13812348000",
		slog.Any("error", fault), slog.Any("value", loud{"张小明", "13812348000"}), slog.Any("bytes", []byte("13812348000")),
		slog.Any("valuer", secretive{}), slog.Int64("number", 13812348000), slog.Uint64("unsigned", 13812348000),
		slog.Group("inner", slog.String("mail", "anna@a.example")), slog.Any("broken", broken{}), slog.Any("nil", nil),
		slog.Duration("took", time.Second), slog.Bool("ok", true), slog.Int("few", 3), slog.Any("list", []string{"13812348000"}),
		slog.Any("map", map[string]any{"a": "anna@a.example"}), slog.Any("channel", make(chan int)))
	line := out.String()
	for _, secret := range []string{"13812348000", "anna"} {
		if strings.Contains(line, secret) {
			t.Errorf("%s is in %s", secret, line)
		}
	}
	for _, kept := range []string{`"few":3`, `"ok":true`, `"took":1000000000`, `"n":7`, "erp: ERP: UPSTREAM_UNAVAILABLE", "cannot be written", `"g":{`} {
		if !strings.Contains(line, kept) {
			t.Errorf("%s is missing in %s", kept, line)
		}
	}
}

func TestGroupsWithinGroupsEnd(t *testing.T) {
	var out bytes.Buffer
	deep := slog.String("phone", "13812348000")
	for range 50 {
		deep = slog.Group("g", deep)
	}
	slog.New(graph.ScrubHandler(slog.NewTextHandler(&out, nil))).LogAttrs(context.Background(), slog.LevelInfo, "x", deep)
	if strings.Contains(out.String(), "13812348000") {
		t.Error(out.String())
	}
}
