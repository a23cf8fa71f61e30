-- The last attempts of a delivery, the first of them first.
--
-- $1  delivery  int8
-- $2  most      int4

select l.attempt, l.at, l.duration_ms, l.status, l.outcome, l.reason, l.reply
  from (select a.* from webhooks.attempts a
         where a.delivery_id = $1::bigint
         order by a.at desc, coalesce(a.attempt, 1000000) desc
         limit $2::int) l
 order by l.at, coalesce(l.attempt, 1000000)
