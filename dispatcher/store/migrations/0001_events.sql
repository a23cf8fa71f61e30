-- Events: what the application inserts, and the inbox that remembers which are not yet fanned out.

-- Why `where not exists` is not enough: CREATE SCHEMA IF NOT EXISTS wants CREATE on the database even when there is nothing to create.
do $$
begin
  if to_regnamespace('webhooks') is null then
    create schema webhooks;
  end if;
end
$$;

create table webhooks.migrations (
  number     int primary key,
  name       text not null,
  checksum   text not null,
  applied_at timestamptz not null default now()
);

-- SQL functions have their bodies parsed here, once (RETURN, not a string): else a caller's search_path would choose the
-- operators in them, and a producer could make its own `~` call anything a type.

-- Version 7: the first 48 bits are milliseconds since 1970, so that ids arrive in order and a day is a range of them.
create function webhooks.uuidv7() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(
    set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1),
    53, 1),
  'hex')::uuid;

-- The lowest id of that (finite) instant, or of 1970; a range of instants is a range of ids.
create function webhooks.uuid_floor(at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex(greatest((extract(epoch from at) * 1000)::bigint, 0)), 12, '0') || '00000000000000000000')::uuid;

create function webhooks.is_type(type text) returns boolean
language sql immutable parallel safe
return octet_length(type) <= 128 and type collate "C" ~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$';

create table webhooks.events (
  id          uuid not null default webhooks.uuidv7() primary key,
  tenant      text not null default '',
  type        text not null,
  data        json not null,
  context     json,
  key         text,
  target      bigint,
  occurred_at timestamptz not null default now(),

  constraint id_is_uuidv7
    check (get_byte(uuid_send(id), 6) >> 4 = 7 and get_byte(uuid_send(id), 8) >> 6 = 2),
  constraint tenant_is_at_most_256_bytes
    check (octet_length(tenant) <= 256),
  constraint type_is_dotted_words_of_at_most_128_bytes
    check (webhooks.is_type(type)),
  constraint type_prefix_webhook_is_reserved
    check (target is not null or type not like 'webhook.%'),
  constraint data_is_at_most_1000000_bytes
    check (octet_length(data::text) <= 1000000),
  constraint context_is_at_most_1000000_bytes
    check (octet_length(context::text) <= 1000000),
  constraint key_is_1_to_512_bytes
    check (octet_length(key) between 1 and 512),
  constraint occurred_at_is_from_1970_to_9999
    check (occurred_at >= '1970-01-01 00:00+00' and occurred_at < '10000-01-01 00:00+00')
) partition by range (id);

comment on table webhooks.events is
  'Facts, inserted by the application in its own transaction and never updated. data is sent as it was written.';

create table webhooks.events_default partition of webhooks.events default;

-- Beside the events, because a partitioned table cannot hold a uniqueness that ignores its partition key.
create table webhooks.event_keys (
  tenant   text not null,
  key      text not null,
  event_id uuid not null,
  at       timestamptz not null default now(),
  constraint key_is_unused primary key (tenant, key)
);
create index event_keys_at on webhooks.event_keys (at);

-- One narrow row per event not yet fanned out. A cursor over events would lose those that commit late; a row cannot be lost.
create table webhooks.inbox (
  id       bigint generated always as identity,
  event_id uuid not null,
  tenant   text not null,
  type     text not null,
  primary key (tenant, id)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
  vacuum_truncate = off
);

-- Raises a refusal: SQLSTATE, constraint and hint, never a DETAIL (which would print the row, secrets included).
create function webhooks.refuse(rule text, message text, hint text, code text default '23514') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using message = message, errcode = code, constraint = rule, hint = hint,
    schema = 'webhooks';
end
$$;

-- All the application's transaction pays: one narrow row per event and one NOTIFY per statement (equal ones collapse).
create function webhooks.events_inserted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  misdated boolean;
  keyed    boolean;
begin
  -- clock_timestamp, not now(): in a transaction open for an hour every new id would be "ahead".
  select bool_or(n.id >= webhooks.uuid_floor(clock_timestamp() + interval '1 hour')
              or n.id <  webhooks.uuid_floor(clock_timestamp() - interval '30 days')),
         bool_or(n.key is not null)
    into misdated, keyed
    from new_events n;
  if misdated then
    perform webhooks.refuse('id_is_recent', 'an event id is dated too far from now',
      'leave id to its default, or use a version 7 UUID at most an hour ahead and 30 days old; use key for idempotence');
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

create trigger events_inserted after insert on webhooks.events
referencing new table as new_events
for each statement execute function webhooks.events_inserted();

create function webhooks.events_unchanged() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform webhooks.refuse('events_are_insert_only', 'events are never updated',
    'insert a new event that says what changed', '22023');
  return null;
end
$$;

create trigger events_unchanged before update on webhooks.events
for each statement execute function webhooks.events_unchanged();
