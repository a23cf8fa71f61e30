-- What is old goes: days are dropped, a day stuck in the DEFAULT gets its partition, a tenant's past can be erased.
-- works with: 0007

-- The partitions of a day as make_days makes them, still attached. Other partitions are somebody else's affair.
create function webhooks.made_days() returns table (parent text, child text, day date)
language sql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
  select d.parent, d.child, d.day
    from (select p.relname::text as parent, c.relname::text as child, pg_get_expr(c.relpartbound, c.oid) as bound,
                 to_date(right(c.relname, 8), 'YYYYMMDD') as day
            from pg_inherits i
            join pg_class p on p.oid = i.inhparent and p.relnamespace = 'webhooks'::regnamespace
            join pg_class c on c.oid = i.inhrelid and c.relnamespace = 'webhooks'::regnamespace
           where p.relname in ('events', 'fanouts', 'attempts')
             and c.relname ~ ('^' || p.relname || '_[0-9]{8}$')) d
   where d.bound = case d.parent
           when 'events' then format('FOR VALUES FROM (%L) TO (%L)', webhooks.uuid_floor(d.day::timestamptz),
                                     webhooks.uuid_floor((d.day + 1)::timestamptz))
           else format('FOR VALUES FROM (%L) TO (%L)', d.day::timestamptz, (d.day + 1)::timestamptz) end
$$;

-- Why a day has to stay, or null. The inbox has no index by event, and so is looked at up to a point: with more than that
-- waiting, nothing that old goes before they are fanned out.
create function webhooks.why_needed(child text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set enable_seqscan = off  -- a heap that was large once stays large: only its index shows how little is in it
as $$
declare
  parent text := left(child, -9);
  day    date := to_date(right(child, 8), 'YYYYMMDD');
  low    uuid := webhooks.uuid_floor(day::timestamptz);
  high   uuid := webhooks.uuid_floor((day + 1)::timestamptz);
begin
  if parent = 'fanouts' then
    -- They go with their events: "fanned out, matched by so many" is about something.
    return case when to_regclass(format('webhooks.events_%s', right(child, 8))) is not null then 'its events are kept' end;
  elsif parent = 'events' then
    if exists (select from webhooks.deliveries d where d.event_id >= low and d.event_id < high) then
      return 'open deliveries';
    end if;
    if (select count(*) > 10000 or coalesce(bool_or(i.event_id >= low and i.event_id < high), false)
          from (select x.event_id from webhooks.inbox x order by x.tenant, x.id limit 10001) i) then
      return 'events not fanned out';
    end if;
  end if;
  return null;
end
$$;

-- Drops a day, and returns what became of it: dropped, needed, locked (somebody is at it: another time), gone.
-- To drop a partition is to lock its parent against every INSERT, for a moment; so nothing here waits for long.
create function webhooks.drop_day(child text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  parent text := left(child, -9);
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    -- Else what was committed while we waited for the lock would be invisible, and an open delivery lose its event.
    perform webhooks.refuse('isolation_is_read_committed', 'a day cannot be dropped under this isolation level',
      'call it in a transaction that is READ COMMITTED', '22023');
  end if;
  if not exists (select from webhooks.made_days() d where d.child = drop_day.child) then
    return 'gone';
  end if;
  if webhooks.why_needed(child) is not null then
    return 'needed';
  end if;
  -- First without standing in anybody's way: who reads the day for long (a report, a dump) is found here, and INSERTs do
  -- not queue behind us for it. A statement of the dispatcher is on every partition, but for milliseconds.
  for turn in 1 .. 20 loop
    begin
      execute format('lock table only webhooks.%I in access exclusive mode nowait', child);
      raise exception using errcode = 'WH001', message = 'it is free';  -- which gives the lock back
    exception
      when sqlstate 'WH001' then
        exit;
      when undefined_table then
        return 'gone';
      when lock_not_available then
        if turn = 20 then
          return 'locked';
        end if;
    end;
    perform pg_sleep(0.005);
  end loop;

  begin
    execute format('lock table only webhooks.%I in access exclusive mode', parent);
    execute format('lock table only webhooks.%I in access exclusive mode nowait', parent || '_default');
    execute format('lock table only webhooks.%I in access exclusive mode nowait', child);
    -- Whoever has touched the events has ended, and nobody new can: what needs this day is committed, and seen now.
    if webhooks.why_needed(child) is not null then
      raise exception using errcode = 'WH002', message = 'it is needed';
    end if;
    execute format('drop table webhooks.%I', child);
    return 'dropped';
  exception
    when sqlstate 'WH002' then
      return 'needed';
    when undefined_table then
      return 'gone';  -- somebody else has dropped it this instant
    when lock_not_available or deadlock_detected then
      return 'locked';
  end;
end
$$;

-- As before, but for a day that rows may be dated in this moment: their INSERTs wait, instead of failing in the DEFAULT
-- that they had found their way to (seen).
create or replace function webhooks.make_day(parent text, child text, lower_bound text, upper_bound text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  dated text := case parent when 'events' then 'id' else 'at' end;
begin
  if to_date(right(child, 8), 'YYYYMMDD') <= ((clock_timestamp() + interval '1 hour') at time zone 'UTC')::date then
    execute format('lock table only webhooks.%I in share row exclusive mode', parent);
  end if;
  execute format('create table webhooks.%I (like webhooks.%I including defaults including constraints)', child, parent);
  execute format('alter table webhooks.%I add constraint of_the_day check (%I >= %L and %I < %L)',
    child, dated, lower_bound, dated, upper_bound);
  execute format('alter table webhooks.%I attach partition webhooks.%I for values from (%L) to (%L)',
    parent, child, lower_bound, upper_bound);
  execute format('alter table webhooks.%I drop constraint of_the_day', child);
end
$$;

-- Makes a day whose rows are in the DEFAULT, by moving them; false where that would keep others waiting: too many rows to
-- move, or a DEFAULT too large to be read through, as ATTACH does, while its readers wait. Then they stay where they are,
-- and go when they are old; the days to come get their partitions all the same.
create function webhooks.move_day(parent text, day date) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
  most        constant int := 10000;
  largest     constant bigint := 64 * 1024 * 1024;
  child       text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
  aside       text := parent || '_default';
  dated       text := case parent when 'events' then 'id' else 'at' end;
  lower_bound text := day::timestamptz::text;
  upper_bound text := (day + 1)::timestamptz::text;
  waiting     bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform webhooks.refuse('isolation_is_read_committed', 'a day cannot be moved under this isolation level',
      'call it in a transaction that is READ COMMITTED', '22023');
  end if;
  if parent = 'events' then
    lower_bound := webhooks.uuid_floor(lower_bound::timestamptz);
    upper_bound := webhooks.uuid_floor(upper_bound::timestamptz);
  end if;
  if pg_table_size(format('webhooks.%I', aside)) > largest
     or not pg_try_advisory_xact_lock(hashtextextended('webhooks.make_days', 0))
     or not exists (select from webhooks.missing_days(366) m where m.parent = move_day.parent and m.day = move_day.day) then
    return false;
  end if;
  -- The parent, too: an INSERT that had found its way to the DEFAULT would fail there once the day is attached (seen).
  execute format('lock table only webhooks.%I in share row exclusive mode', parent);
  execute format('lock table webhooks.%I in access exclusive mode', aside);
  execute format('select count(*) from (select from webhooks.%I where %I >= %L and %I < %L limit %s) x',
    aside, dated, lower_bound, dated, upper_bound, most + 1) into waiting;
  if waiting > most then
    return false;
  end if;
  execute format('create table webhooks.%I (like webhooks.%I including defaults including constraints)', child, parent);
  execute format('with moved as (delete from webhooks.%I where %I >= %L and %I < %L returning *) '
                 'insert into webhooks.%I select * from moved',
    aside, dated, lower_bound, dated, upper_bound, child);
  execute format('alter table webhooks.%I attach partition webhooks.%I for values from (%L) to (%L)',
    parent, child, lower_bound, upper_bound);
  return true;
exception
  when lock_not_available or deadlock_detected then
    return false;
end
$$;

-- As before, but for the age of an id: what the dispatcher keeps, so that nothing is inserted where a day was dropped.
create or replace function webhooks.events_inserted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  misdated boolean;
  keyed    boolean;
  -- At least a day: an INSERT of many may take its time. Whatever the row says, this must not fail.
  days     float8 := (select least(greatest(coalesce(h.events_days, 30), 1), 3660) from webhooks.holder h);
begin
  -- clock_timestamp, not now(): in a transaction open for an hour every new id would be "ahead".
  select bool_or(n.id >= webhooks.uuid_floor(clock_timestamp() + interval '1 hour')
              or n.id <  webhooks.uuid_floor(clock_timestamp() - days * interval '1 day')),
         bool_or(n.key is not null)
    into misdated, keyed
    from new_events n;
  if misdated then
    perform webhooks.refuse('id_is_recent', 'an event id is dated too far from now',
      format('leave id to its default, or use a version 7 UUID at most an hour ahead and %s days old; use key for idempotence', days));
  end if;
  if keyed then
    -- Those of emit are there already, under this very event.
    insert into webhooks.event_keys (tenant, key, event_id)
    select n.tenant, n.key, n.id
      from new_events n
     where n.key is not null
       and not exists (select from webhooks.event_keys k
                        where k.tenant = n.tenant and k.key = n.key and k.event_id = n.id);
  end if;
  insert into webhooks.inbox (event_id, tenant, type)
  select n.id, n.tenant, n.type from new_events n where n.target is null;
  if found then
    perform pg_notify('webhooks_inbox', '');
  end if;
  return null;
end
$$;

-- The right to be forgotten: a tenant's events dated (by their id) before that instant, and all that is left of them.
-- Returns how many events there were. Attempts and fan-outs stay, being ids and figures; what receivers replied goes.
create function webhooks.erase(tenant text, before timestamptz) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- of a thousand ids or of a million
as $$
declare
  horizon uuid;
  ids     uuid[];
begin
  if erase.tenant is null then
    perform webhooks.refuse('tenant_is_given', 'tenant is null', 'whose events are to be erased; '''' for those of no tenant', '22023');
  end if;
  if erase.before is null or not isfinite(erase.before) or erase.before > clock_timestamp() then
    perform webhooks.refuse('before_is_past', 'before is null, infinite or in the future', 'an instant up to now(); what is dated before it goes', '22023');
  end if;
  horizon := webhooks.uuid_floor(erase.before);

  with erased as (
    delete from webhooks.events e where e.tenant = erase.tenant and e.id < horizon returning e.id
  )
  select coalesce(array_agg(x.id), '{}') into ids from erased x;
  delete from webhooks.event_keys k where k.tenant = erase.tenant and k.event_id < horizon;
  update webhooks.attempts a set reply = null where a.reply is not null and a.event_id = any (ids);
  -- And those of events that had gone before.
  update webhooks.attempts a set reply = null
   where a.reply is not null and a.event_id < horizon
     and a.endpoint_id = any (array(select n.id from webhooks.endpoints n where n.tenant = erase.tenant));
  -- Fan-out waits for these rows, other tenants' too, and so they come late; deliveries last: what a fan-out that was
  -- faster has made of them is seen by then.
  delete from webhooks.inbox i where i.tenant = erase.tenant and i.event_id < horizon;
  with cancelled as (
    delete from webhooks.deliveries d where d.event_id = any (ids)
    returning d.id, d.event_id, d.endpoint_id
  ), recorded as (
    insert into webhooks.attempts (delivery_id, event_id, endpoint_id, at, duration_ms, outcome, reason)
    select c.id, c.event_id, c.endpoint_id, clock_timestamp(), 0, 'cancelled', 'cancelled' from cancelled c
  )
  insert into webhooks.changes (endpoint_id) select distinct c.endpoint_id from cancelled c;
  if found then
    perform pg_notify('webhooks_changed', '');
  end if;
  return cardinality(ids);
end
$$;

comment on function webhooks.erase(text, timestamptz) is
  'Destroys for good, and therefore is the owner''s: grant execute on function webhooks.erase(text, timestamptz) to …';

-- As before, but with the ends of the span worked out first: a clock in the condition kept it from the index, and every
-- replay read whole days.
create or replace function webhooks.replay(endpoint_id bigint, since timestamptz, until timestamptz default now(), types text[] default '{*}')
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e     webhooks.endpoints := webhooks.endpoint_row(replay.endpoint_id);
  total bigint;
  wrong text;
  low   uuid;
  high  uuid;
begin
  if replay.since is null or replay.until is null or replay.since > replay.until
     or not (isfinite(replay.since) and isfinite(replay.until)) then
    perform webhooks.refuse('since_is_before_until', 'since and until are no span of time', 'since => an instant, until => a later one (default now)', '22023');
  end if;
  select p into wrong from unnest(replay.types) p where p is null or not webhooks.is_pattern(p) limit 1;
  if found or coalesce(cardinality(replay.types), 0) = 0 then
    perform webhooks.refuse('types_are_given', 'types is empty or has a malformed pattern', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
  end if;
  low := webhooks.uuid_floor(least(replay.since, clock_timestamp()));
  high := webhooks.uuid_floor(least(replay.until, clock_timestamp()) + interval '1 ms');
  -- By id, which is dated when the event was inserted; those still in the inbox are about to be fanned out anyway.
  with again as (
    insert into webhooks.deliveries (event_id, endpoint_id, due_at)
    select v.id, e.id, clock_timestamp()
      from webhooks.events v
     where v.id >= low
       and v.id < high
       and v.tenant = e.tenant
       and v.target is null
       and webhooks.candidates(v.type) && replay.types
       and exists (select from webhooks.subscriptions s
                    where s.endpoint_id = e.id and s.pattern = any (webhooks.candidates(v.type))
                      and (s.filter is null or webhooks.passes(v.id, s.filter)))
       and not exists (select from webhooks.inbox i where i.tenant = e.tenant and i.event_id = v.id)
     order by v.id
    returning 1
  )
  select count(*) into total from again;
  perform webhooks.ring(e.id);
  return total;
end
$$;

revoke execute on all functions in schema webhooks from public;
