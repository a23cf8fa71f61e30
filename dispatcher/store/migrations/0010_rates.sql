-- How an endpoint has done lately: attempts are counted once, minute by minute, and kept as sums of the last hour and day. What
-- a look at them costs depends neither on how many there were nor on how many minutes.
-- works with: 0009

-- Which attempts count, and how. Our own faults are none of the endpoint's; endings without a request are no attempts.
-- A duration falls into one of a few buckets, the n-th around 2^(n/4) ms: each is 19 % wide, its middle at most 9.1 % off.
create view webhooks.counted_attempts as
select a.endpoint_id, a.at, a.outcome = 'delivered' as delivered,
       round(4 * ln(greatest(a.duration_ms, 1)::float8) / ln(2::float8))::smallint as bucket
  from webhooks.attempts a
 where a.outcome in ('delivered', 'retrying', 'dead')
   and (a.reason is null or a.reason not in ('secret', 'proxy', 'internal'));

-- What was counted, for each endpoint and span in which there was something: the minutes of the last hour and a bit, and
-- quarters of an hour before that, so that what leaves the hour or the day can be taken off its sum. No foreign key: it would
-- lock endpoints, and what is left of one that is gone is gone in a day.
create table webhooks.rates (
  endpoint_id bigint not null,
  minutes     smallint not null,
  at          timestamptz not null,
  delivered   int not null,
  failed      int not null,
  buckets     smallint[] not null,
  counts      int[] not null,

  constraint minutes_is_1_or_15 check (minutes in (1, 15))
) with (
  -- A tenth of what is there comes and goes in a quarter of an hour.
  autovacuum_vacuum_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1
);
-- The only one: where the planner knows little, it would take one by age to be as good for an endpoint's (seen: 2 s became 90 and more).
create index rates_endpoint on webhooks.rates (endpoint_id, minutes, at);

comment on column webhooks.rates.at is 'where the span begins; it is `minutes` long';
comment on column webhooks.rates.buckets is 'how long the attempts took: `counts` of them around 2^(bucket/4) ms';

-- The sum of an endpoint's minutes, and that of its quarters of an hour: always, because a trigger sees to it.
create table webhooks.rates_sums (
  endpoint_id bigint not null,
  minutes     smallint not null,
  delivered   bigint not null,
  failed      bigint not null,
  buckets     smallint[] not null,
  counts      bigint[] not null,

  primary key (endpoint_id, minutes)
) with (fillfactor = 50);  -- every row of a busy endpoint is rewritten every minute

create function webhooks.rates_summed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  sign int := case tg_op when 'DELETE' then -1 else 1 end;
begin
  insert into webhooks.rates_sums as s (endpoint_id, minutes, delivered, failed, buckets, counts)
  select p.endpoint_id, p.minutes, sum(p.delivered), sum(p.failed),
         array_agg(p.bucket) filter (where p.bucket is not null), array_agg(p.n) filter (where p.bucket is not null)
    from (select c.endpoint_id, c.minutes, null::smallint as bucket,
                 sign * sum(c.delivered) as delivered, sign * sum(c.failed) as failed, null::bigint as n
            from changed c
           group by c.endpoint_id, c.minutes
          union all
          select c.endpoint_id, c.minutes, b.bucket, 0, 0, sign * sum(b.n)
            from changed c cross join unnest(c.buckets, c.counts) b (bucket, n)
           group by c.endpoint_id, c.minutes, b.bucket) p
   group by p.endpoint_id, p.minutes
   order by p.endpoint_id, p.minutes  -- whoever else is at it takes the rows in the same order
  on conflict (endpoint_id, minutes) do update
     set delivered = s.delivered + excluded.delivered, failed = s.failed + excluded.failed,
         (buckets, counts) = (
           select coalesce(array_agg(m.bucket), '{}'), coalesce(array_agg(m.n), '{}')
             from (select b.bucket, sum(b.n)::bigint as n
                     from (select * from unnest(s.buckets, s.counts) a (bucket, n)
                           union all
                           select * from unnest(excluded.buckets, excluded.counts) a (bucket, n)) b
                    group by b.bucket
                   having sum(b.n) <> 0) m);
  if tg_op = 'DELETE' then
    delete from webhooks.rates_sums s
     using (select distinct c.endpoint_id, c.minutes from changed c) gone
     where s.endpoint_id = gone.endpoint_id and s.minutes = gone.minutes and s.delivered = 0 and s.failed = 0;
  end if;
  return null;
end
$$;

create trigger rates_inserted after insert on webhooks.rates
referencing new table as changed for each statement execute function webhooks.rates_summed();
create trigger rates_deleted after delete on webhooks.rates
referencing old table as changed for each statement execute function webhooks.rates_summed();

-- Attempts before this instant are in rates, those from it on are not: it moves in the statement that counts them.
create table webhooks.rates_until (
  is_one boolean primary key default true,
  until  timestamptz not null,

  constraint there_is_one_row check (is_one)
);
-- The last day of a schema that is at work already is counted by the dispatcher, in a few steps.
insert into webhooks.rates_until (until)
select case when exists (select from webhooks.attempts) then date_bin('15 minutes', now() - interval '24 h', 'epoch')
            else date_trunc('minute', now()) end;

-- Where the last hour and the last day begin, to the minute and to the quarter of an hour, and in each of them what has not
-- been counted yet.
create view webhooks.rates_times as
select t.hour, t.day, greatest(u.until, t.hour) as uncounted_hour, greatest(u.until, t.day) as uncounted_day
  from webhooks.rates_until u,
       (select date_trunc('minute', now() - interval '1 h') as hour,
               date_bin('15 minutes', now() - interval '24 h', 'epoch') as day) t;

-- The sums, without what has left the span since, and with what has not been counted yet. Each part is joined as an aggregate
-- without groups: one row, so that the planner leaves out those whose columns nobody asks for.
create view webhooks.endpoint_rates as
select e.id as endpoint_id, e.tenant,
       n.delivered_1h, n.failed_1h, round(n.delivered_1h / nullif(n.delivered_1h + n.failed_1h, 0)::numeric, 4) as success_1h,
       h.p95_ms as p95_ms_1h,
       n.delivered_24h, n.failed_24h, round(n.delivered_24h / nullif(n.delivered_24h + n.failed_24h, 0)::numeric, 4) as success_24h,
       d.p95_ms as p95_ms_24h
  from webhooks.endpoints e
  left join lateral (
    select coalesce(sum(x.delivered) filter (where x.in_hour), 0)::bigint as delivered_1h,
           coalesce(sum(x.failed) filter (where x.in_hour), 0)::bigint as failed_1h,
           coalesce(sum(x.delivered) filter (where x.in_day), 0)::bigint as delivered_24h,
           coalesce(sum(x.failed) filter (where x.in_day), 0)::bigint as failed_24h
      from (select s.delivered, s.failed, s.minutes = 1 as in_hour, true as in_day
              from webhooks.rates_sums s
             where s.endpoint_id = e.id
            union all
            select -r.delivered, -r.failed, true, false
              from webhooks.rates r
             where r.endpoint_id = e.id and r.minutes = 1 and r.at < (select t.hour from webhooks.rates_times t)
            union all
            select -r.delivered, -r.failed, false, true
              from webhooks.rates r
             where r.endpoint_id = e.id and r.minutes in (1, 15) and r.at < (select t.day from webhooks.rates_times t)
            union all
            select c.delivered::int, (not c.delivered)::int, c.at >= (select t.hour from webhooks.rates_times t), true
              from webhooks.counted_attempts c
             where c.endpoint_id = e.id
               and c.at >= (select t.uncounted_day from webhooks.rates_times t) and c.at <= now()) x
  ) n on true
  left join lateral (
    select min(power(2, g.bucket / 4.0::float8))::int as p95_ms
      from (select b.bucket, sum(sum(b.n)) over (order by b.bucket) as so_far, sum(sum(b.n)) over () as of
              from (select u.bucket, u.n
                      from webhooks.rates_sums s cross join unnest(s.buckets, s.counts) u (bucket, n)
                     where s.endpoint_id = e.id and s.minutes = 1
                    union all
                    select u.bucket, -u.n
                      from webhooks.rates r cross join unnest(r.buckets, r.counts) u (bucket, n)
                     where r.endpoint_id = e.id and r.minutes = 1 and r.at < (select t.hour from webhooks.rates_times t)
                    union all
                    select c.bucket, 1
                      from webhooks.counted_attempts c
                     where c.endpoint_id = e.id
                       and c.at >= (select t.uncounted_hour from webhooks.rates_times t) and c.at <= now()) b
             group by b.bucket
            having sum(b.n) > 0) g
     where g.so_far >= 0.95 * g.of
  ) h on true
  left join lateral (
    select min(power(2, g.bucket / 4.0::float8))::int as p95_ms
      from (select b.bucket, sum(sum(b.n)) over (order by b.bucket) as so_far, sum(sum(b.n)) over () as of
              from (select u.bucket, u.n
                      from webhooks.rates_sums s cross join unnest(s.buckets, s.counts) u (bucket, n)
                     where s.endpoint_id = e.id
                    union all
                    select u.bucket, -u.n
                      from webhooks.rates r cross join unnest(r.buckets, r.counts) u (bucket, n)
                     where r.endpoint_id = e.id and r.minutes in (1, 15) and r.at < (select t.day from webhooks.rates_times t)
                    union all
                    select c.bucket, 1
                      from webhooks.counted_attempts c
                     where c.endpoint_id = e.id
                       and c.at >= (select t.uncounted_day from webhooks.rates_times t) and c.at <= now()) b
             group by b.bucket
            having sum(b.n) > 0) g
     where g.so_far >= 0.95 * g.of
  ) d on true;

comment on view webhooks.endpoint_rates is
  'by attempts, those of this instant included; our own faults, and what ended without a request, are none';
comment on column webhooks.endpoint_rates.success_1h is 'delivered of all that was tried, 0 to 1; null where nothing was';
comment on column webhooks.endpoint_rates.p95_ms_1h is
  'nineteen of twenty attempts took no longer, give or take a tenth; null where nothing was tried';
comment on column webhooks.endpoint_rates.delivered_24h is 'since the quarter of an hour in which it was this time yesterday';

create or replace view webhooks.endpoint_status as
select e.id as endpoint_id, e.tenant, e.name, regexp_replace(e.url, '\?.*$', '') as url, e.state, e.state_reason,
       (select count(*) from (select from webhooks.deliveries d where d.endpoint_id = e.id and not d.test limit 10001) o) as open,
       (select d.due_at from webhooks.deliveries d where d.endpoint_id = e.id and not d.test order by d.endpoint_id, d.due_at limit 1) as oldest_due_at,
       l.status as last_status, l.outcome as last_outcome, l.at as last_at,
       r.delivered_1h, r.failed_1h, r.p95_ms_1h, r.delivered_24h, r.failed_24h
  from webhooks.endpoints e
  left join lateral (
    select a.status, a.outcome, a.at from webhooks.attempts a
     where a.endpoint_id = e.id order by a.endpoint_id, a.at desc limit 1
  ) l on true
  left join lateral (
    select min(x.delivered_1h) as delivered_1h, min(x.failed_1h) as failed_1h, min(x.p95_ms_1h) as p95_ms_1h,
           min(x.delivered_24h) as delivered_24h, min(x.failed_24h) as failed_24h
      from webhooks.endpoint_rates x
     where x.endpoint_id = e.id
  ) r on true;

comment on column webhooks.endpoint_status.delivered_1h is 'attempts, as in endpoint_rates';

revoke execute on all functions in schema webhooks from public;
