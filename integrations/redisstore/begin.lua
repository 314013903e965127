
-- begin opens one partition for a source that starts from its snapshot.
-- KEYS: 1 partition state. ARGV: 1 lowest sequence that the caller has seen, 2 the source, 3 a token that nobody has used.
-- Returns the token of the opening, which is older than this call when another gateway has opened the partition.

opened(ARGV[1], {}, {})
redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3])
return redis.call('HGET', KEYS[1], ARGV[2])
