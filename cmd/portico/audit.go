package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail/privacy"
)

// auditCmd looks at the record of who read whose personal data.
type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Check that nothing in the audit log was changed, taken out, put in or moved."`
	List   auditListCmd   `cmd:"" help:"Print who read somebody's personal data."`
}

// auditKeyOf reads the key of a file; nil without one.
func auditKeyOf(path string) (*privacy.AuditKey, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no key is given
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errors.New("audit key: the file does not hold hexadecimal digits")
	}
	return privacy.NewAuditKey(secret)
}

// auditVerifyCmd walks the chain.
type auditVerifyCmd struct {
	LedgerDSN string   `name:"ledger-dsn" required:"" placeholder:"DSN" help:"Ledger: postgres://… or the path of a SQLite file. It is only read."`
	AuditKey  []string `placeholder:"FILE" help:"Keys that the log was made with."`
	Expect    []string `placeholder:"SEQ:HASH" help:"Heads that were logged: the log must still have these entries."`
}

// Run prints how many entries there are and the last of them; it fails with the first that is wrong.
func (c auditVerifyCmd) Run(ctx context.Context, s streams) (err error) {
	var keys []*privacy.AuditKey
	for _, path := range c.AuditKey {
		key, err := auditKeyOf(path)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	heads := make([]privacy.AuditHead, len(c.Expect))
	for i, text := range c.Expect {
		if heads[i], err = privacy.ParseAuditHead(text); err != nil {
			return err
		}
	}
	books, err := ledger.OpenReader(ctx, ledger.Config{DSN: c.LedgerDSN})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	check, unkeyed := privacy.NewAuditCheck(keys, heads...), 0
	err = books.Audit(ctx, "", func(e privacy.AuditEntry) error {
		if e.KeyID == "" {
			unkeyed++
		}
		return check.Next(&e)
	})
	if err == nil {
		err = check.End()
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.out, "sound up to %s\n", check.Head())
		return fmt.Errorf("audit: %w", err)
	}
	_, err = fmt.Fprintf(s.out, "entries %d, made without a key %d\nhead %s\n", check.Head().Seq, unkeyed, check.Head())
	return err
}

// auditListCmd prints readings.
type auditListCmd struct {
	LedgerDSN string `name:"ledger-dsn" required:"" placeholder:"DSN" help:"Ledger: postgres://… or the path of a SQLite file. It is only read."`
	Subject   string `placeholder:"ID" help:"Whose data, for example member:m-…; everybody's when absent."`
}

// Run prints one line a reading, oldest first.
func (c auditListCmd) Run(ctx context.Context, s streams) (err error) {
	books, err := ledger.OpenReader(ctx, ledger.Config{DSN: c.LedgerDSN})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	line := func(cells ...string) error {
		_, err := io.WriteString(table, strings.Join(cells, "\t")+"\n")
		return err
	}
	if err := line("ENTRY", "AT", "SUBJECT", "PURPOSE", "READ", "ROLE", "READER", "CLIENT", "OPERATION", "REQUEST", "FIELDS"); err != nil {
		return err
	}
	err = books.Audit(ctx, c.Subject, func(e privacy.AuditEntry) error {
		d, err := e.Disclosure()
		if err != nil {
			return err
		}
		read := "masked"
		if d.Full {
			read = "full"
		}
		return line(strconv.FormatInt(e.Seq, 10), d.At.Format(time.RFC3339Nano), d.Subject, string(d.Purpose), read, d.Role,
			strconv.Quote(d.Reader), strconv.Quote(d.Client), strconv.Quote(d.Operation), strconv.Quote(d.Request),
			strings.Join(d.Fields, ","))
	})
	return errors.Join(err, table.Flush())
}

// headEvery is how often the log says where the audit log ends, so that an end that was cut off shows.
const headEvery = time.Hour

// auditHeads logs where the audit log ends.
type auditHeads struct {
	ledger *ledger.Ledger
	log    *slog.Logger
	last   string
}

// run logs at each tick until ctx ends.
func (h *auditHeads) run(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-tick:
			h.tell(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// tell logs the head unless it is the one that was logged last; also when ctx has ended.
func (h *auditHeads) tell(ctx context.Context) {
	at, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	head, err := h.ledger.AuditHead(at)
	if err != nil {
		h.log.WarnContext(ctx, "the head of the audit log cannot be read", slog.Any("error", err))
		return
	}
	if text := head.String(); text != h.last {
		h.log.InfoContext(ctx, "audit head", slog.String("head", text))
		h.last = text
	}
}
