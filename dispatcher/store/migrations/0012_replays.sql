-- Replays of any size: a slice of events at a time, each slice and how far it came in one transaction.
-- works with: 0009

create table webhooks.replays (
  id          bigint generated always as identity primary key,
  endpoint_id bigint not null references webhooks.endpoints (id) on delete cascade,
  since       timestamptz not null,
  until       timestamptz not null,
  types       text[] not null,
  only_dead   boolean not null,
  first       uuid not null,
  after       uuid not null,
  below       uuid not null,
  looked      bigint not null default 0,
  made        bigint not null default 0,
  created_at  timestamptz not null default now(),
  changed_at  timestamptz not null default now(),
  finished_at timestamptz
);
-- Of each endpoint one at a time: a command that is typed again, or a second click, would send everything twice.
create unique index replay_is_finished on webhooks.replays (endpoint_id) where finished_at is null;
create index replays_endpoint on webhooks.replays (endpoint_id);

comment on table webhooks.replays is 'what begin_replay began and how far it came; 30 days after the last change a row goes';
comment on column webhooks.replays.first is 'where it began: the first event there was; ids are dated, and so it is known how far it is';
comment on column webhooks.replays.after is 'the last event looked at; all below has been, except for those ended early';
comment on column webhooks.replays.looked is 'events of all tenants in that span of time; made: deliveries of them';

create function webhooks.refuse_span(since timestamptz, until timestamptz, types text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if since is null or until is null or since > until or not (isfinite(since) and isfinite(until)) then
    perform webhooks.refuse('since_is_before_until', 'since and until are no span of time', 'since => an instant, until => a later one (default now)', '22023');
  end if;
  if coalesce(cardinality(types), 0) = 0
     or exists (select from unnest(types) p where p is null or not webhooks.is_pattern(p)) then
    perform webhooks.refuse('types_are_given', 'types is empty or has a malformed pattern', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
  end if;
end
$$;

create function webhooks.refuse_scan(scan int) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if scan is null or scan not between 1 and 100000 then
    perform webhooks.refuse('scan_is_1_to_100000', 'scan is null or out of range', 'how many events to look at: 1 to 100000', '22023');
  end if;
end
$$;

-- Deliveries of an endpoint that is not subscribed to anything now would wait, expire or be cancelled, and nothing else.
create function webhooks.refuse_state(e webhooks.endpoints) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if e.state not in ('active', 'paused') then
    perform webhooks.refuse('state_allows_it', format('endpoint %s is %s', e.id, e.state),
      'activate it first: it is sent nothing until then', '22023');
  end if;
end
$$;

-- The next slice of a span of events, and which of them that endpoint is to get again: the conditions of replay. `last` is
-- the last one looked at; null: there are no more.
-- One plan, whatever the statistics of the day say: a walk along the ids, and the rest joined to it by hashing.
-- Filters are asked all at once, which is ten times as fast; where an event's data cannot be read as jsonb, one by one.
create function webhooks.look_for_replay(
  lane bigint, whose text, after uuid, below uuid, patterns text[], only_dead boolean, scan int, one_by_one boolean,
  out last uuid, out looked int, out ids uuid[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_nestloop = off
set enable_mergejoin = off
set jit = off
as $$
declare
  -- No attempt is older than its event, but an id may be dated an hour ahead.
  attempted   timestamptz := to_timestamp(('x' || left(replace(after::text, '-', ''), 12))::bit(48)::bigint / 1000.0) - interval '2 hours';
  is_filtered boolean := not one_by_one and exists (select from webhooks.subscriptions s where s.endpoint_id = lane and s.filter is not null);
begin
  with slice as materialized (
    select v.id, v.tenant, v.type, v.target, case when is_filtered and v.tenant = whose then v.data end as data
      from webhooks.events v
     where v.id > look_for_replay.after and v.id < look_for_replay.below
     order by v.id
     limit look_for_replay.scan
  ), tail as materialized (
    select s.id from slice s order by s.id desc limit 1
  ), fitting as materialized (
    -- By type, of which there are few, and not by event.
    select k.type, bool_or(s.filter is null) as always, array_agg(s.filter) as filters
      from (select x.type, webhooks.candidates(x.type) as patterns
              from (select distinct y.type from slice y where y.tenant = whose and y.target is null) x) k
      join webhooks.subscriptions s on s.pattern = any (k.patterns)
     where s.endpoint_id = lane and k.patterns && look_for_replay.patterns
     group by k.type
  ), dead as materialized (
    -- A delivered attempt of the same instant counts as the later one. The sum keeps the planner on the index by event:
    -- the one by endpoint would be read whole, for each slice.
    select a.event_id from webhooks.attempts a
     where look_for_replay.only_dead and a.at >= attempted and a.endpoint_id + 0 = lane
       and a.event_id > look_for_replay.after and a.event_id <= (select t.id from tail t)
       and a.outcome in ('dead', 'delivered')
     group by a.event_id
    having max(a.at) filter (where a.outcome = 'dead') > coalesce(max(a.at) filter (where a.outcome = 'delivered'), '-infinity')
  ), wanted as materialized (
    select s.id
      from slice s
      join fitting f on f.type = s.type
     where s.tenant = whose and s.target is null
       and (not look_for_replay.only_dead or s.id in (select d.event_id from dead d))
       -- Those in the inbox are about to be fanned out anyway.
       and s.id not in (select i.event_id from webhooks.inbox i
                         where i.tenant = whose and i.event_id > look_for_replay.after and i.event_id <= (select t.id from tail t))
       and (f.always or exists (select from unnest(f.filters) x (filter)
                                 where case when one_by_one then webhooks.passes(s.id, x.filter) else s.data::jsonb @@ x.filter end offset 0))
  )
  select case when n.looked = look_for_replay.scan then (select t.id from tail t) end, n.looked,
         coalesce((select array_agg(w.id order by w.id) from wanted w
                    where not look_for_replay.only_dead
                       or not exists (select from webhooks.deliveries d
                                       where d.event_id = w.id and d.endpoint_id + 0 = lane and not d.test offset 0)), '{}')
    into last, looked, ids
    from (select count(*)::int as looked from slice) n;
exception
  when others then
    if one_by_one then
      raise;
    end if;
    select l.last, l.looked, l.ids into last, looked, ids
      from webhooks.look_for_replay(lane, whose, look_for_replay.after, look_for_replay.below, look_for_replay.patterns,
                                    look_for_replay.only_dead, look_for_replay.scan, true) l;
end
$$;

create function webhooks.begin_replay(
  endpoint_id bigint, since timestamptz, until timestamptz default now(), types text[] default '{*}',
  only_dead boolean default false
) returns webhooks.replays
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  e    webhooks.endpoints := webhooks.endpoint_row(begin_replay.endpoint_id);
  made webhooks.replays;
  low  uuid;
  high uuid;
  head uuid;
begin
  perform webhooks.refuse_span(begin_replay.since, begin_replay.until, begin_replay.types), webhooks.refuse_state(e);
  delete from webhooks.replays r where r.changed_at < now() - interval '30 days';
  select * into made from webhooks.replays r where r.endpoint_id = e.id and r.finished_at is null;
  if found then
    perform webhooks.refuse('replay_is_finished', format('replay %s of endpoint %s is not finished', made.id, e.id),
      format('go on with it, dispatcher replay --resume %1$s, or end it as it is, dispatcher replay --end %1$s', made.id), '22023');
  end if;
  -- Fixed here: what is inserted while it goes on is fanned out by itself. No event has the lowest id of an instant.
  low := webhooks.uuid_floor(least(begin_replay.since, clock_timestamp()));
  high := webhooks.uuid_floor(least(begin_replay.until, clock_timestamp()) + interval '1 ms');
  select v.id into head from webhooks.events v where v.id > low and v.id < high order by v.id limit 1;
  insert into webhooks.replays (endpoint_id, since, until, types, only_dead, first, after, below)
  values (e.id, begin_replay.since, least(begin_replay.until, clock_timestamp()), begin_replay.types,
          coalesce(begin_replay.only_dead, false), coalesce(head, high), low, high)
  returning * into made;
  return made;
end
$$;

-- Looks at the next `scan` events, makes their deliveries, moves on: all of it, or nothing. Returns the row as it is then;
-- of one that is finished, as it was. Whoever else goes on with the same one waits for us, and takes the next slice.
create function webhooks.carry_on_replay(replay_id bigint, scan int default 5000) returns webhooks.replays
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints;
  r webhooks.replays;
  l record;
begin
  perform webhooks.refuse_scan(carry_on_replay.scan);
  -- The endpoint first, as whoever deletes it locks them.
  select x.* into e from webhooks.endpoints x
   where x.id = (select p.endpoint_id from webhooks.replays p where p.id = carry_on_replay.replay_id) for key share;
  r := webhooks.replay_row(carry_on_replay.replay_id);
  if r.finished_at is not null then
    return r;
  end if;
  perform webhooks.refuse_state(e);
  select * into l from webhooks.look_for_replay(e.id, e.tenant, r.after, r.below, r.types, r.only_dead, carry_on_replay.scan, false);
  insert into webhooks.deliveries (event_id, endpoint_id, due_at)
  select w.id, e.id, clock_timestamp() from unnest(l.ids) with ordinality w (id, place) order by w.place;
  update webhooks.replays p
     set after = coalesce(l.last, r.below), looked = r.looked + l.looked, made = r.made + cardinality(l.ids),
         changed_at = clock_timestamp(), finished_at = case when l.last is null then clock_timestamp() end
   where p.id = r.id
  returning * into r;
  if cardinality(l.ids) > 0 then
    perform webhooks.ring(e.id);
  end if;
  return r;
end
$$;

create function webhooks.replay_row(id bigint) returns webhooks.replays
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  r webhooks.replays;
begin
  select * into r from webhooks.replays p where p.id = replay_row.id for update;
  if not found then
    perform webhooks.refuse('replay_exists', format('there is no replay %s', coalesce(id::text, 'null')),
      'webhooks.replays has them: until their endpoint is deleted, and for 30 days', '22023');
  end if;
  return r;
end
$$;

-- As far as it has come: what is made stays. Of one that is finished, nothing.
create function webhooks.end_replay(replay_id bigint) returns webhooks.replays
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  r webhooks.replays := webhooks.replay_row(end_replay.replay_id);
begin
  if r.finished_at is null then
    update webhooks.replays p set finished_at = clock_timestamp(), changed_at = clock_timestamp() where p.id = r.id returning * into r;
  end if;
  return r;
end
$$;

-- What a replay would make, a slice at a time: `after` as it was returned, at first null; it is null again at the end.
create function webhooks.preview_replay(
  endpoint_id bigint, since timestamptz, until timestamptz default now(), types text[] default '{*}',
  only_dead boolean default false, inout after uuid default null, scan int default 5000, out looked int, out made int
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints;
  l record;
begin
  select * into e from webhooks.endpoints x where x.id = preview_replay.endpoint_id;
  if not found then
    perform webhooks.refuse('endpoint_exists', format('there is no endpoint %s', coalesce(endpoint_id::text, 'null')),
      'webhooks.endpoint_status lists them', '22023');
  end if;
  perform webhooks.refuse_span(preview_replay.since, preview_replay.until, preview_replay.types),
          webhooks.refuse_scan(preview_replay.scan);
  select * into l from webhooks.look_for_replay(
    e.id, e.tenant, coalesce(preview_replay.after, webhooks.uuid_floor(least(preview_replay.since, clock_timestamp()))),
    webhooks.uuid_floor(least(preview_replay.until, clock_timestamp()) + interval '1 ms'),
    preview_replay.types, coalesce(preview_replay.only_dead, false), preview_replay.scan, false);
  after := l.last;
  looked := l.looked;
  made := cardinality(l.ids);
end
$$;

revoke execute on all functions in schema webhooks from public;
