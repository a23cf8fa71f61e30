-- What a person or a program does by hand: tokens of the HTTP API, endpoints changed by what is given, deliveries cancelled.
-- works with: 0009

create table webhooks.tokens (
  id           bigint generated always as identity primary key,
  name         text not null,
  scope        text not null,
  tenant       text,
  digest       bytea not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,

  constraint name_is_1_to_200_characters check (length(name) between 1 and 200),
  constraint scope_is_known check (scope in ('read', 'operate', 'admin')),
  constraint tenant_is_at_most_256_bytes check (octet_length(tenant) <= 256),
  constraint digest_is_sha256 check (octet_length(digest) = 32)
);

comment on table webhooks.tokens is 'who may use the HTTP API; a token itself is shown once and kept nowhere';
comment on column webhooks.tokens.tenant is 'sees and touches this tenant alone; null: all of them';

create table webhooks.requests (
  token_id    bigint not null,
  key         text not null,
  fingerprint bytea not null,
  status      int,
  reply       json,
  location    text,
  at          timestamptz not null default now(),

  constraint request_is_made_once primary key (token_id, key)
);
create index requests_at on webhooks.requests (at);

comment on table webhooks.requests is 'creations with an Idempotency-Key, so that one said twice is done once; never a secret';

-- Names of headers, for people; none where they cannot be read: one such row must not fail a whole list.
create function webhooks.header_names(headers json) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(select lower(k) from json_object_keys(headers) k order by 1);
exception
  when others then
    return '{}';
end
$$;

-- All of an endpoint that is no secret, as it is set; null where its profile or the configuration says.
create view webhooks.endpoint_settings as
select e.id as endpoint_id, e.tenant, e.name, e.url, e.profile,
       s.types, s.filter, s.subscriptions,
       e.secret is not null as has_secret, e.previous_secret_until,
       e.api_key is not null as has_api_key,
       case when e.headers is null then '{}' else webhooks.header_names(e.headers) end as header_names,
       e.timeout_s, e.max_in_flight, e.max_attempts, e.rate_limit, e.ordered,
       e.state, e.state_reason, e.state_at, e.failing_since, e.parked_until, e.created_at
  from webhooks.endpoints e
  left join lateral (
    select coalesce(array_agg(distinct x.pattern order by x.pattern), '{}') as types,
           case when count(x.filter) = count(*) and count(distinct x.filter::text) = 1 then min(x.filter::text) end as filter,
           coalesce(json_agg(json_build_object('pattern', x.pattern, 'filter', x.filter::text) order by x.pattern, x.filter::text), '[]')
             as subscriptions
      from webhooks.subscriptions x where x.endpoint_id = e.id
  ) s on true;

comment on column webhooks.endpoint_settings.filter is 'that of every subscription, if they have the same one';

-- Refuses what is given where it is no setting, or not of its kind. Ranges are for the checks of the table.
create function webhooks.check_settings(given json, allowed text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  setting record;
  wanted  text;
begin
  if given is null or json_typeof(given) <> 'object' then
    perform webhooks.refuse('settings_are_an_object', 'settings are no JSON object',
      'names and values, such as {"timeout_s": 10}', '22023');
  end if;
  for setting in
    select x.key, json_typeof(x.value) as kind, x.value::text as text
      from json_each(given) x
  loop
    perform given ->> setting.key;
    if not setting.key = any (allowed) then
      perform webhooks.refuse('setting_is_known', format('%s is no setting of an endpoint', quote_literal(left(setting.key, 63))),
        coalesce('did you mean ' || webhooks.nearest(left(setting.key, 63), allowed) || '?', 'allowed: ' || array_to_string(allowed, ', ')), '22023');
    end if;
    wanted := case
      when setting.key = 'types' then 'array'
      when setting.key = 'headers' then 'object'
      when setting.key = 'ordered' then 'boolean'
      when setting.key in ('timeout_s', 'max_in_flight', 'max_attempts', 'rate_limit') then 'number'
      else 'string' end;
    if setting.kind not in (wanted, 'null') then
      perform webhooks.refuse(setting.key || '_is_of_its_kind', format('%s is of kind %s', setting.key, setting.kind),
        wanted || case when setting.key in ('url', 'types', 'ordered', 'tenant') then '' else ' or null' end, '22023');
    end if;
    if setting.key in ('max_in_flight', 'max_attempts') and setting.kind = 'number'
       and (setting.text !~ '^-?[0-9]{1,9}$') then
      -- Else the cast would speak, and not name it.
      perform webhooks.refuse(case setting.key when 'max_in_flight' then 'max_in_flight_is_1_to_1000' else 'max_attempts_is_1_to_100' end,
        format('%s is %s', setting.key, left(setting.text, 40)),
        case setting.key when 'max_in_flight' then '1 to 1000, or null for the default' else '1 to 100, or null for the default' end);
    end if;
    if setting.key in ('timeout_s', 'rate_limit') and setting.kind = 'number' and setting.text !~ '^-?[0-9.]{1,30}([eE][+-]?[0-9]{1,2})?$' then
      perform webhooks.refuse(case setting.key when 'timeout_s' then 'timeout_s_is_2_to_30' else 'rate_limit_is_above_0' end,
        format('%s is %s', setting.key, left(setting.text, 40)),
        case setting.key when 'timeout_s' then 'seconds, 2 to 30, or null for the default'
                         else 'requests per second, above 0 (0.000001 to 1000000), or null for none' end);
    end if;
  end loop;
exception
  when untranslatable_character or invalid_text_representation then
    perform webhooks.refuse('settings_are_text', 'settings hold a character that text cannot (NUL, or half of a pair)', 'leave it out', '22023');
end
$$;

create function webhooks.as_filter(filter text) returns jsonpath
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return filter::jsonpath;
exception
  when syntax_error or data_exception then
    perform webhooks.refuse('filter_is_a_predicate', 'filter is refused: it is no jsonpath: ' || sqlerrm,
      'a jsonpath predicate over data, such as $.amount > 100 && $.currency == "EUR"');
end
$$;

-- The patterns that are given; refused where there are none.
create function webhooks.types_of(given json) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  types text[];
begin
  if json_typeof(given -> 'types') = 'array' then
    if exists (select from json_array_elements(given -> 'types') x where json_typeof(x) <> 'string') then
      perform webhooks.refuse('types_are_given', 'types has what is no string', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
    end if;
    types := array(select distinct x from json_array_elements_text(given -> 'types') x);
  end if;
  if coalesce(cardinality(types), 0) = 0 then
    perform webhooks.refuse('types_are_given', 'types is null or empty', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
  end if;
  return types;
exception
  when untranslatable_character then
    perform webhooks.refuse('settings_are_text', 'settings hold a character that text cannot (NUL, or half of a pair)', 'leave it out', '22023');
end
$$;

-- As webhooks.subscribe, from settings by name.
create function webhooks.create_endpoint(settings json) returns webhooks.subscribed
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  given json := settings;
begin
  perform webhooks.check_settings(given, array['url', 'types', 'tenant', 'name', 'profile', 'secret', 'api_key', 'headers', 'timeout_s',
    'max_in_flight', 'max_attempts', 'rate_limit', 'ordered', 'filter']);
  return webhooks.subscribe(
    url => given ->> 'url',
    types => case when (given -> 'types') is null then '{*}' else webhooks.types_of(given) end,
    tenant => case when (given -> 'tenant') is null then '' else given ->> 'tenant' end,
    name => given ->> 'name',
    profile => given ->> 'profile',
    secret => given ->> 'secret',
    api_key => given ->> 'api_key',
    headers => case when json_typeof(given -> 'headers') = 'object' then given -> 'headers' end,
    timeout_s => (given ->> 'timeout_s')::numeric,
    max_in_flight => (given ->> 'max_in_flight')::int,
    max_attempts => (given ->> 'max_attempts')::int,
    rate_limit => (given ->> 'rate_limit')::numeric,
    ordered => case when (given -> 'ordered') is null then false else (given ->> 'ordered')::boolean end,
    filter => webhooks.as_filter(given ->> 'filter'));
end
$$;

-- Changes what is given, and nothing else. A secret replaces the former one at once: webhooks.rotate_secret keeps both for a
-- while. Patterns that stay keep their filters, unless a filter is given, which is then that of all of them.
create function webhooks.update_endpoint(endpoint_id bigint, changes json) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e       webhooks.endpoints;
  given   text[];
  types   text[];
  common  jsonpath;
begin
  e := webhooks.endpoint_row(update_endpoint.endpoint_id);
  perform webhooks.check_settings(changes, array['url', 'types', 'name', 'profile', 'secret', 'api_key', 'headers', 'timeout_s',
    'max_in_flight', 'max_attempts', 'rate_limit', 'ordered', 'filter']);
  given := array(select k from json_object_keys(changes) k);
  if 'types' = any (given) then
    types := webhooks.types_of(changes);
  end if;
  if 'filter' = any (given) then
    common := webhooks.as_filter(changes ->> 'filter');
  else
    select s.filter::jsonpath into common from webhooks.endpoint_settings s where s.endpoint_id = e.id;
  end if;

  -- Patterns that go first, those that come last: a profile that is changed with them is judged by neither's leavings.
  if types is not null then
    delete from webhooks.subscriptions s where s.endpoint_id = e.id and not s.pattern = any (types);
  end if;
  if given && array['url', 'name', 'profile', 'secret', 'api_key', 'headers', 'timeout_s', 'max_in_flight', 'max_attempts', 'rate_limit', 'ordered'] then
    update webhooks.endpoints x
       set url = case when 'url' = any (given) then changes ->> 'url' else x.url end,
           name = case when 'name' = any (given) then changes ->> 'name' else x.name end,
           profile = case when 'profile' = any (given) then changes ->> 'profile' else x.profile end,
           secret = case when 'secret' = any (given) then changes ->> 'secret' else x.secret end,
           previous_secret = case when 'secret' = any (given) then null else x.previous_secret end,
           previous_secret_until = case when 'secret' = any (given) then null else x.previous_secret_until end,
           api_key = case when 'api_key' = any (given) then changes ->> 'api_key' else x.api_key end,
           headers = case when 'headers' = any (given) then case when json_typeof(changes -> 'headers') = 'object' then changes -> 'headers' end
                          else x.headers end,
           timeout_s = case when 'timeout_s' = any (given) then (changes ->> 'timeout_s')::numeric else x.timeout_s end,
           max_in_flight = case when 'max_in_flight' = any (given) then (changes ->> 'max_in_flight')::int else x.max_in_flight end,
           max_attempts = case when 'max_attempts' = any (given) then (changes ->> 'max_attempts')::int else x.max_attempts end,
           rate_limit = case when 'rate_limit' = any (given) then (changes ->> 'rate_limit')::numeric else x.rate_limit end,
           ordered = case when 'ordered' = any (given) then (changes ->> 'ordered')::boolean else x.ordered end
     where x.id = e.id;
  end if;
  if 'filter' = any (given) then
    types := coalesce(types, array(select distinct s.pattern from webhooks.subscriptions s where s.endpoint_id = e.id));
    delete from webhooks.subscriptions s where s.endpoint_id = e.id and s.filter::text is distinct from common::text;
  end if;
  insert into webhooks.subscriptions (endpoint_id, pattern, filter)
  select e.id, t, common from unnest(types) t
   where not exists (select from webhooks.subscriptions s where s.endpoint_id = e.id and s.pattern = t);
end
$$;

-- Ends an open delivery; false if there is none. A request of it that is in flight still ends, and is not written.
create function webhooks.cancel(delivery_id bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  d webhooks.deliveries;
begin
  delete from webhooks.deliveries x where x.id = cancel.delivery_id returning * into d;
  if not found then
    return false;
  end if;
  -- clock_timestamp: now() could be older than an attempt settled while this transaction was open.
  insert into webhooks.attempts (delivery_id, event_id, endpoint_id, at, duration_ms, outcome, reason)
  values (d.id, d.event_id, d.endpoint_id, clock_timestamp(), 0, 'cancelled', 'cancelled');
  perform webhooks.ring(d.endpoint_id);
  return true;
end
$$;

revoke execute on all functions in schema webhooks from public;
