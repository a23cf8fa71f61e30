-- What became of the newest attempts: those in the last `blocks` of today's partition, back to `within_s` at the most.
-- An endpoint answers if any of its attempts was delivered, else it fails; `failing` names a thousand at the most.
--
-- $1  within_s  float8
-- $2  blocks    int8

-- There is no index by time alone, and none is needed: the table only grows, so its end is what happened last.
with tail as materialized (
  -- A day without a partition of its own is in the DEFAULT, all of which is read.
  select format('(%s,0)', greatest(coalesce(
           pg_relation_size(to_regclass('webhooks.attempts_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')))
           / current_setting('block_size')::int - $2::bigint, 0), 0))::tid as start
), today as materialized (
  select a.endpoint_id, a.at, a.outcome, a.reason
    from webhooks.attempts a
   where a.at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
     and a.at < (date_trunc('day', now() at time zone 'UTC') + interval '1 day') at time zone 'UTC'
     and a.attempt is not null
     and a.ctid >= (select t.start from tail t)
), recent as materialized (
  select t.* from today t where t.at >= now() - make_interval(secs => $1::float8)
), endpoints as materialized (
  select r.endpoint_id, bool_or(r.outcome = 'delivered') as answers from recent r group by r.endpoint_id
), reasons as materialized (
  select r.reason, count(*)::int as attempts from recent r where r.reason is not null group by r.reason
)
select (select count(*)::int from recent r where r.outcome = 'delivered') as delivered,
       (select count(*)::int from recent r where r.outcome <> 'delivered') as failed,
       (select min(r.at) from recent r) as first_at,
       (select count(*)::int from endpoints p where p.answers) as answering,
       array(select p.endpoint_id from endpoints p where not p.answers order by p.endpoint_id limit 1000) as failing,
       array(select x.reason from reasons x order by x.attempts desc, x.reason) as reasons,
       array(select x.attempts from reasons x order by x.attempts desc, x.reason) as times
