-- Endpoints and subscriptions: where events go, and which ones.
-- A BEFORE ROW trigger speaks first, with a hint and without the row; the CHECKs are the net under it.

create table webhooks.endpoints (
  id                    bigint generated always as identity primary key,
  tenant                text not null default '',
  name                  text,
  url                   text not null,
  profile               text,
  secret                text,
  previous_secret       text,
  previous_secret_until timestamptz,
  api_key               text,
  headers               json,
  timeout_s             numeric,
  max_in_flight         int,
  max_attempts          int,
  rate_limit            numeric,
  ordered               boolean not null default false,
  state                 text not null default 'active',
  state_reason          text,
  state_at              timestamptz not null default now(),
  failing_since         timestamptz,
  parked_until          timestamptz,
  created_at            timestamptz not null default now(),

  constraint endpoint_of_tenant unique (id, tenant),
  constraint tenant_is_at_most_256_bytes check (octet_length(tenant) <= 256),
  constraint name_is_1_to_200_characters check (length(name) between 1 and 200),
  constraint url_is_http_or_https        check (url ~* '^https?://' and octet_length(url) <= 2048),
  constraint profile_is_known            check (profile = 'standard'),
  constraint secret_is_given             check (secret is not null),
  constraint previous_secret_has_an_end  check ((previous_secret is null) = (previous_secret_until is null)),
  constraint headers_is_an_object        check (json_typeof(headers) = 'object'),
  constraint timeout_s_is_2_to_30        check (timeout_s between 2 and 30),
  constraint max_in_flight_is_1_to_1000  check (max_in_flight between 1 and 1000),
  constraint max_attempts_is_1_to_100    check (max_attempts between 1 and 100),
  constraint rate_limit_is_above_0       check (rate_limit between 0.000001 and 1000000),
  constraint instants_are_from_1970_to_9999
    check (greatest(failing_since, parked_until, previous_secret_until) < '10000-01-01 00:00+00'
           and least(failing_since, parked_until, previous_secret_until) >= '1970-01-01 00:00+00'),
  constraint state_is_known              check (state in ('inactive', 'active', 'paused', 'disabled'))
);

comment on column webhooks.endpoints.timeout_s is 'seconds, 2 to 30; null: as the configuration says';

create table webhooks.subscriptions (
  endpoint_id bigint not null,
  tenant      text not null,
  pattern     text not null,
  filter      jsonpath,

  constraint endpoint_of_the_same_tenant foreign key (endpoint_id, tenant)
    references webhooks.endpoints (id, tenant) on update cascade on delete cascade,
  constraint pattern_is_a_type_or_ends_in_star check (webhooks.is_pattern(pattern))
);
create unique index subscription_is_written_once
  on webhooks.subscriptions (endpoint_id, pattern, coalesce(filter::text, ''));
-- Fan-out looks up an event's candidate patterns by equality: flat in the number of subscriptions.
create index subscriptions_match on webhooks.subscriptions (tenant, pattern) include (endpoint_id);

-- What a change means for the dispatcher, as rows: it takes them as it takes the inbox, so that commit order cannot lose one.
create table webhooks.changes (
  id          bigint generated always as identity primary key,
  endpoint_id bigint not null
);

create function webhooks.endpoints_checked() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  why text;
begin
  if tg_op = 'INSERT' and new.secret is null then
    new.secret := webhooks.generated_secret();
  end if;
  if tg_op = 'UPDATE' and new.state is distinct from old.state then
    new.state_at := now();
  end if;
  if tg_op = 'UPDATE' and new.url is distinct from old.url then
    -- What was learnt about the old address says nothing about the new one.
    new.failing_since := null;
    new.parked_until := null;
  end if;

  if new.state is null or new.state not in ('inactive', 'active', 'paused', 'disabled') then
    perform webhooks.refuse('state_is_known', 'state is not known', 'allowed: inactive, active, paused, disabled');
  end if;
  if new.created_at is null then
    perform webhooks.refuse('created_at_is_given', 'created_at is null', 'leave it as it is');
  end if;
  if new.state_at is null then
    perform webhooks.refuse('state_at_is_given', 'state_at is null', 'leave it as it is');
  end if;
  if greatest(new.failing_since, new.parked_until, new.previous_secret_until) >= '10000-01-01 00:00+00'
     or least(new.failing_since, new.parked_until, new.previous_secret_until) < '1970-01-01 00:00+00' then
    perform webhooks.refuse('instants_are_from_1970_to_9999',
      'failing_since, parked_until or previous_secret_until is out of range', 'an instant from 1970 to 9999, or null');
  end if;
  -- A row that slipped in must not stand in the way of what is said about it later: its state, its parking.
  if tg_op = 'UPDATE'
     and (new.tenant, new.name, new.url, new.profile, new.secret, new.previous_secret, new.previous_secret_until, new.api_key,
          new.headers::text, new.timeout_s, new.max_in_flight, new.max_attempts, new.rate_limit, new.ordered)
         is not distinct from
         (old.tenant, old.name, old.url, old.profile, old.secret, old.previous_secret, old.previous_secret_until, old.api_key,
          old.headers::text, old.timeout_s, old.max_in_flight, old.max_attempts, old.rate_limit, old.ordered) then
    return new;
  end if;

  if new.tenant is null or octet_length(new.tenant) > 256 then
    perform webhooks.refuse('tenant_is_at_most_256_bytes', 'tenant is null or too long', 'at most 256 bytes; leave it out for none');
  end if;
  if length(new.name) not between 1 and 200 then
    perform webhooks.refuse('name_is_1_to_200_characters', 'name is empty or too long', '1 to 200 characters, or null');
  end if;
  if new.profile <> 'standard' then
    perform webhooks.refuse('profile_is_known', 'profile is not known', 'allowed: standard, or null for the default');
  end if;
  why := webhooks.refuse_url(new.url);
  if new.url is null or why is not null then
    perform webhooks.refuse('url_is_http_or_https', 'url is refused: ' || coalesce(why, 'it is null'),
      'an absolute https:// URL (http:// where the dispatcher''s configuration allows it) of at most 2048 printable ASCII characters, without user, password or fragment');
  end if;
  why := webhooks.refuse_secret(new.secret);
  if new.secret is null or why is not null then
    perform webhooks.refuse('secret_is_given', 'secret ' || coalesce(why, 'is null'),
      'whsec_ followed by the base64 of 24 to 64 random bytes; leave it out at creation to have one made');
  end if;
  why := webhooks.refuse_secret(new.previous_secret);
  if why is not null or (new.previous_secret is null) <> (new.previous_secret_until is null) then
    perform webhooks.refuse('previous_secret_has_an_end', 'previous_secret ' || coalesce(why, 'and previous_secret_until go together'),
      'use webhooks.rotate_secret, which keeps both');
  end if;
  why := webhooks.refuse_api_key(new.api_key);
  if why is not null then
    perform webhooks.refuse('api_key_is_printable', 'api_key is refused: ' || why, 'printable ASCII, at most 4096 characters');
  end if;
  why := webhooks.refuse_headers(new.headers);
  if why is not null then
    perform webhooks.refuse('headers_are_allowed', 'headers are refused: ' || why,
      'a JSON object of names to strings, such as {"Authorization": "Bearer abc"}; at most 32, 16 KiB in all, none that the dispatcher or a proxy sets');
  end if;
  if new.api_key is not null and exists (select from json_object_keys(coalesce(new.headers, '{}')) k where lower(k) = 'x-api-key') then
    perform webhooks.refuse('headers_are_allowed', 'headers are refused: X-API-Key is set by api_key', 'give the key once');
  end if;
  if new.timeout_s not between 2 and 30 then
    perform webhooks.refuse('timeout_s_is_2_to_30', format('timeout_s is %s', new.timeout_s), 'seconds, 2 to 30, or null for the default');
  end if;
  if new.max_in_flight not between 1 and 1000 then
    perform webhooks.refuse('max_in_flight_is_1_to_1000', format('max_in_flight is %s', new.max_in_flight), '1 to 1000, or null for the default');
  end if;
  if new.max_attempts not between 1 and 100 then
    perform webhooks.refuse('max_attempts_is_1_to_100', format('max_attempts is %s', new.max_attempts), '1 to 100, or null for the default');
  end if;
  if new.rate_limit not between 0.000001 and 1000000 then
    perform webhooks.refuse('rate_limit_is_above_0', format('rate_limit is %s', new.rate_limit), 'requests per second, above 0 (0.000001 to 1000000), or null for none');
  end if;
  if new.ordered is null then
    perform webhooks.refuse('ordered_is_true_or_false', 'ordered is null', 'true or false');
  end if;
  return new;
end
$$;

create trigger endpoints_checked before insert or update on webhooks.endpoints
for each row execute function webhooks.endpoints_checked();

-- One function for three triggers: a transition table is new or old, never both.
create function webhooks.endpoints_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into webhooks.changes (endpoint_id) select c.id from changed c;
  if found then
    perform pg_notify('webhooks_changed', '');
  end if;
  return null;
end
$$;

create trigger endpoints_inserted after insert on webhooks.endpoints
referencing new table as changed for each statement execute function webhooks.endpoints_changed();
create trigger endpoints_updated after update on webhooks.endpoints
referencing new table as changed for each statement execute function webhooks.endpoints_changed();
create trigger endpoints_deleted after delete on webhooks.endpoints
referencing old table as changed for each statement execute function webhooks.endpoints_changed();

create function webhooks.subscriptions_checked() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  why text;
begin
  select e.tenant into new.tenant from webhooks.endpoints e where e.id = new.endpoint_id;
  if not found then
    perform webhooks.refuse('endpoint_exists', format('there is no endpoint %s', new.endpoint_id),
      'subscribe to an endpoint that exists', '22023');
  end if;
  if new.pattern is null or not webhooks.is_pattern(new.pattern) then
    perform webhooks.refuse('pattern_is_a_type_or_ends_in_star', format('pattern %s is malformed', coalesce(quote_literal(left(new.pattern, 140)), 'null')),
      'an event type such as order.paid, everything below one such as order.*, or *; words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes');
  end if;
  if (tg_op = 'INSERT' or (new.endpoint_id, new.pattern, new.filter::text) is distinct from (old.endpoint_id, old.pattern, old.filter::text)) and exists (select from webhooks.subscriptions s
       where s.endpoint_id = new.endpoint_id and s.pattern = new.pattern and coalesce(s.filter::text, '') = coalesce(new.filter::text, '')) then
    perform webhooks.refuse('subscription_is_written_once',
      format('endpoint %s is subscribed to %s already, with the same filter', new.endpoint_id, quote_literal(new.pattern)),
      'each pattern and filter once for an endpoint');
  end if;
  why := webhooks.refuse_filter(new.filter);
  if why is not null then
    perform webhooks.refuse('filter_is_a_predicate', 'filter is refused: ' || why,
      'a jsonpath predicate over data, such as $.amount > 100 && $.currency == "EUR"');
  end if;
  return new;
end
$$;

create trigger subscriptions_checked before insert or update on webhooks.subscriptions
for each row execute function webhooks.subscriptions_checked();
