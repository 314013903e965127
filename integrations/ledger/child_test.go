package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// childMain is the process that TestWhatWasAcknowledgedOutlivesAKilledProcess kills: it sells until it dies, and says so after
// each sale.
func childMain(dsn string) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	results := make(chan string)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				if err := sell(ctx, l, id); err != nil {
					results <- "error: " + err.Error()
					return
				}
				results <- id
			}
		}()
	}
	for id := range results {
		fmt.Fprintln(os.Stdout, id)
	}
}

// workerMain is the process that TestAJobOfAKilledProcessRunsInAnother kills: it says when it runs a job, and never ends it.
func workerMain(dsn string) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, ledger.Config{DSN: dsn})
	if err == nil {
		l.Handle(retail.JobOrder, func(_ context.Context, key string) error {
			fmt.Fprintln(os.Stdout, key)
			select {}
		})
		err = l.Run(ctx)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAJobOfAKilledProcessRunsInAnother(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, closeIt := r.openFor(t)
		mustDo(t, l.Enqueue(t.Context(), order("o1")))
		closeIt()
		killAtItsFirstLine(t, "PORTICO_LEDGER_WORKER="+r.dsn)
		l = r.open(t)
		ran := make(chan string, 1)
		l.Handle(retail.JobOrder, func(_ context.Context, key string) error { ran <- key; return nil })
		run(t, l)
		if got := await(t, ran); got != "o1" {
			t.Errorf("got %q", got)
		}
	})
}

func killAtItsFirstLine(t *testing.T, env string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Errorf("the process ended by itself: %v", err)
	}
	mustDo(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

func sell(ctx context.Context, l *ledger.Ledger, id string) error {
	claim := hold("c"+id, "guest:"+id, "S001", units("A", 1))
	if _, err := l.AddClaim(ctx, claim, stock.HoldCaps{Holds: 3}, noon); err != nil {
		return err
	}
	if _, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: "N" + id, Owner: "guest:" + id}, func(tx retail.Tx) error {
		return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: id})
	}); err != nil {
		return err
	}
	_, err := l.UpdateOrder(ctx, id, func(tx retail.Tx, o *retail.Order) error {
		o.Status = retail.OrderPaid
		return tx.Allocate("c"+id, map[string]retail.Supply{"A": {Units: 1_000_000}})
	})
	return err
}

func TestWhatWasAcknowledgedOutlivesAKilledProcess(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		var sold []string
		for range 3 {
			sold = append(sold, sellUntilKilled(t, r.dsn, 40)...)
		}
		l := r.open(t)
		for _, id := range sold {
			if o := must(l.Order(t.Context(), id))(t); o.Status != retail.OrderPaid {
				t.Errorf("order %s is %q", id, o.Status)
			}
			if c := must(l.Claim(t.Context(), "c"+id))(t); c.State != retail.ClaimAllocated {
				t.Errorf("claim of %s is %s", id, c.State)
			}
		}
		// Nothing is half done either.
		if orders, jobs := l.Int(t, `SELECT COUNT(*) FROM orders`), waiting(t, l); orders != jobs {
			t.Errorf("%d orders have %d jobs", orders, jobs)
		}
		allocated := l.Int(t, `SELECT COUNT(*) FROM claims WHERE state = 'ALLOCATED'`)
		paid := l.Int(t, `SELECT COUNT(*) FROM orders WHERE status = 'PAID'`)
		open := l.Int(t, `SELECT open FROM allocations`)
		if allocated != paid || allocated != open || paid < len(sold) {
			t.Errorf("%d acknowledged, %d claims allocated, %d orders paid, %d units open", len(sold), allocated, paid, open)
		}
	})
}

// sellUntilKilled lets a process sell, kills it after so many sales and returns those that it acknowledged.
func sellUntilKilled(t *testing.T, dsn string, sales int) (sold []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "PORTICO_LEDGER_CHILD="+dsn)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line without an end was not acknowledged
		}
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		sold = append(sold, strings.TrimSpace(line))
		if len(sold) == sales {
			mustDo(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // it was killed
	if len(sold) < sales {
		t.Fatalf("the process sold %d and ended by itself", len(sold))
	}
	return sold
}
