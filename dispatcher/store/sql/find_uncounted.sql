-- Find the next attempts to be counted: whole minutes, of which all that will ever be there is committed. No row: there are
-- none. `until` before `since`: the clock was set back, or the database is on another server now.
--
-- $1  most    int4    minutes
-- $2  late_s  float8  for so long after its end something may be written into a minute

-- An attempt is dated by the beginning of its transaction: a settle, which has 30 s. But its commit may wait for a standby, for
-- longer; then its lock says so. What is committed between this look and the count is seen by the count.
with complete as materialized (
  select date_trunc('minute', least(now() - $2::float8 * interval '1 s', min(a.xact_start))) as until
    from pg_locks l
   cross join lateral pg_stat_get_activity(l.pid) a
   where l.locktype = 'relation' and l.relation = 'webhooks.attempts'::regclass
     and l.database = (select d.oid from pg_database d where d.datname = current_database())
     and l.mode = 'RowExclusiveLock' and l.pid is not null and l.pid <> pg_backend_pid()
), bounds as materialized (
  -- What is older than a day is asked for by nobody.
  select u.until as since, t.uncounted_day as low, c.until as high,
         -- What would be put together into quarters of an hour at once is counted by them.
         date_bin('15 minutes', t.uncounted_day, 'epoch') + interval '15 min' as quarter,
         date_bin('15 minutes', now() - interval '1 h', 'epoch') as recent
    from webhooks.rates_until u, webhooks.rates_times t, complete c
)
select b.since, b.low,
       case when b.since > now() + interval '1 min' then date_trunc('minute', now())
            else least(b.low + $1::int * interval '1 min', b.high, case when b.low < b.recent then b.quarter end) end as until,
       case when b.low < b.recent then 15 else 1 end as minutes
  from bounds b
 where b.low < b.high or b.since > now() + interval '1 min'
