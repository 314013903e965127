package redisstore

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/retail/stock"
)

// Read fills the rows and watermarks of every partition in reads: one pipeline, one MGET per partition. On error the
// partitions that could be read are filled, and the others have empty rows and watermarks.
func (s *Store) Read(ctx context.Context, reads []stock.PartitionRead, skus []string) error {
	if len(reads) == 0 {
		return nil
	}
	start := time.Now()
	cmds := make([]*redis.StringSliceCmd, len(reads))
	for i := range reads {
		cmds[i] = redis.NewStringSliceCmd(ctx, s.readArgs(reads[i].Partition, skus)...)
	}
	err := s.send(ctx, cmds)
	for i, cmd := range cmds {
		values := cmd.Val()
		if cmd.Err() != nil || len(values) != 1+len(skus) {
			values = make([]string, 1+len(skus))
		}
		reads[i].Watermarks, reads[i].Rows = values[0], values[1:]
	}
	return s.observe("read", start, err)
}

// send sends the commands in one pipeline; a single one needs none.
func (s *Store) send(ctx context.Context, cmds []*redis.StringSliceCmd) error {
	if len(cmds) == 1 {
		return s.client.Process(ctx, cmds[0])
	}
	pipe := s.client.Pipeline()
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd) // queues; Exec reports what fails
	}
	_, err := pipe.Exec(ctx)
	return err
}

// readArgs is the MGET of a partition's watermarks and rows. The row keys share one string and are passed by pointer, so
// that the number of allocations does not grow with the number of SKUs.
func (s *Store) readArgs(partition uint16, skus []string) []any {
	n := s.keys(partition)
	size := 0
	for _, sku := range skus {
		size += len(n.rows) + len(sku)
	}
	var all strings.Builder
	all.Grow(size)
	for _, sku := range skus {
		all.WriteString(n.rows)
		all.WriteString(sku)
	}
	rest := all.String()
	keys := make([]string, len(skus))
	args := make([]any, 2, 2+len(skus))
	args[0], args[1] = "mget", n.markArg
	for i, sku := range skus {
		length := len(n.rows) + len(sku)
		keys[i], rest = rest[:length], rest[length:]
		args = append(args, &keys[i])
	}
	return args
}
