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
	Verify auditVerifyCmd `cmd:"" help:"Check that nothing in the audit log was changed, taken out, put in, moved or cut off."`
	Rekey  auditRekeyCmd  `cmd:"" help:"Begin a key of the audit log: the first of a log without one, or another."`
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

func auditKeysOf(paths []string) ([]*privacy.AuditKey, error) {
	keys := make([]*privacy.AuditKey, len(paths))
	for i, path := range paths {
		var err error
		if keys[i], err = auditKeyOf(path); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// auditVerifyCmd walks the chain.
type auditVerifyCmd struct {
	LedgerDSN string   `name:"ledger-dsn" required:"" placeholder:"DSN" help:"Ledger: postgres://… or the path of a SQLite file. It is only read."`
	AuditKey  []string `placeholder:"FILE" help:"Keys that the log was made with. With any, what was made without one fails unless a key was begun behind it."`
	Expect    []string `placeholder:"SEQ:HASH" help:"Heads that were logged: the log must still have these entries."`
}

// Run prints how many entries there are and the last of them; it fails with the first that is wrong.
func (c auditVerifyCmd) Run(ctx context.Context, s streams) (err error) {
	keys, err := auditKeysOf(c.AuditKey)
	if err != nil {
		return err
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
	mark, err := books.AuditMark(ctx)
	if err != nil {
		return err
	}
	check, unkeyed := privacy.NewAuditCheck(keys, heads...), 0
	check.Expect(mark)
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

// auditRekeyCmd begins a key.
type auditRekeyCmd struct {
	LedgerDSN string   `name:"ledger-dsn" required:"" placeholder:"DSN" help:"Ledger: postgres://… or the path of a SQLite file."`
	AuditKey  string   `required:"" placeholder:"FILE" help:"Key that begins; give it to the gateways then. With another they record nothing, and refuse to show what must be recorded."`
	OldKey    []string `placeholder:"FILE" help:"Keys that the log was made with until now."`
}

// Run looks at the whole log with the old keys and prints the entry that begins the new one.
func (c auditRekeyCmd) Run(ctx context.Context, s streams) error {
	key, err := auditKeyOf(c.AuditKey)
	if err != nil {
		return err
	}
	old, err := auditKeysOf(c.OldKey)
	if err != nil {
		return err
	}
	head, err := ledger.BeginAuditKey(ctx, ledger.Config{DSN: c.LedgerDSN, AuditKey: key}, old)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "begun\nhead %s\n", head)
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
