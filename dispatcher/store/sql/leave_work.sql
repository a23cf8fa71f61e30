-- Say that we left in order, with nothing in flight: whoever comes next need not wait for us.
--
-- $1  epoch  int8

update webhooks.holder h set left_at = clock_timestamp() where h.epoch = $1::bigint returning h.epoch
