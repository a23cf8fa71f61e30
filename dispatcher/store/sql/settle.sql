-- Write what happened: end the finished, put off the rest, append an attempt for each that changed. Returns their ids.
-- Said twice, it changes nothing the second time: a finished row is gone, another one's version has moved.
--
-- $1   ids        int8[]
-- $2   versions   int4[]    as they were read; `delivered` ends a row whatever its version
-- $3   outcomes   text[]
-- $4   spent      int4[]    1 where the attempt counts, else 0
-- $5   requested  bool[]    false: an ending without a request, which has no attempt number
-- $6   reasons    text[]
-- $7   statuses   int4[]
-- $8   durations  int4[]    ms
-- $9   replies    bytea[]
-- $10  delays     float8[]  s, from this statement
-- $11  in_order   bool[]    true: due_at is the order of the lane and stays; the delay stands beside it
-- $12  ended      int8[]    those of $1 that end
-- $13  put_off    int8[]    those of $1 that go on

with ended as (
  delete from webhooks.deliveries d
   where d.id = any ($12::bigint[])
     and (($3::text[])[array_position($1::bigint[], d.id)] = 'delivered'
          or d.version = ($2::int[])[array_position($1, d.id)])
  returning d.id, d.event_id, d.endpoint_id, d.attempts
), put_off as (
  update webhooks.deliveries d
     set version = d.version + 1,
         attempts = d.attempts + ($4::int[])[array_position($1, d.id)],
         due_at = case when ($11::boolean[])[array_position($1, d.id)] then d.due_at
                       else now() + ($10::float8[])[array_position($1, d.id)] * interval '1 s' end,
         retry_at = case when ($11::boolean[])[array_position($1, d.id)]
                         then now() + ($10::float8[])[array_position($1, d.id)] * interval '1 s' end
   where d.id = any ($13::bigint[]) and d.version = ($2::int[])[array_position($1, d.id)]
  returning d.id, d.event_id, d.endpoint_id, d.attempts - ($4::int[])[array_position($1, d.id)] as attempts
), changed as (
  select * from ended union all select * from put_off
), written as (
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, status, outcome, reason, reply)
  select c.id, c.event_id, c.endpoint_id, case when ($5::boolean[])[p.at] then c.attempts + 1 end,
         ($8::int[])[p.at], ($7::int[])[p.at], ($3::text[])[p.at], ($6::text[])[p.at], ($9::bytea[])[p.at]
    from changed c
   cross join lateral (select array_position($1, c.id) as at offset 0) p
)
select id from changed
