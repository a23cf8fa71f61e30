-- Profiles: what the receivers of a product were promised, and what the checks know of it. Files say it; this mirrors them.
-- works with: 0007

create table webhooks.profiles (
  name             text primary key,
  is_default       boolean not null default false,
  description      text not null default '',
  scheme           text not null default 'standard',
  secret           text not null default 'required',
  encoding         text not null default 'base64',
  signature_header text not null default '',
  api_key_header   text not null default 'x-api-key',
  content_type     text not null default 'application/json',
  success          int[],
  timeout_s        numeric,
  max_in_flight    int,
  max_attempts     int,
  https_only       boolean not null default false,
  unique_url       boolean not null default false,
  required         text[] not null default '{}',
  initial_state    text not null default 'active',
  strict           boolean not null default false
);

comment on table webhooks.profiles is 'a mirror of the profile files: migrate and a starting or reloading dispatcher write it';
comment on column webhooks.profiles.is_default is 'what an endpoint without a profile of its own gets: dispatch.profile';
comment on column webhooks.profiles.secret is 'required (made where none is given), optional (signed where one is given), none';
comment on column webhooks.profiles.success is 'statuses that mean accepted; null: every 2xx';
comment on column webhooks.profiles.timeout_s is 'null, here and in the next two: as the configuration says';

insert into webhooks.profiles (name, is_default, description) values ('standard', true, 'Standard Webhooks 1.0.0');

create table webhooks.event_types (
  profile     text not null,
  name        text not null,
  description text not null,
  example     json not null,

  primary key (profile, name),
  constraint name_is_an_event_type check (webhooks.is_type(name))
);

comment on table webhooks.event_types is 'catalogues, as dispatcher profile install writes them';

-- Whose URL it is, where a profile wants each of a tenant's endpoints to have one of its own: an index does not race.
create table webhooks.unique_urls (
  endpoint_id bigint primary key references webhooks.endpoints (id) on delete cascade,
  tenant      text not null,
  profile     text not null,
  digest      bytea not null,

  constraint url_is_unique unique (tenant, profile, digest)
);

create function webhooks.profile_of(profile text) returns webhooks.profiles
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select p.* from webhooks.profiles p
   where p.name = profile_of.profile or (profile_of.profile is null and p.is_default)
   order by p.name limit 1
$$;

-- Those of `words` most like `word`, for a hint: by the pairs of characters they share.
create function webhooks.nearest(word text, words text[]) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  with pairs as (
    select w.word, array(select distinct substr(lower(w.word), n, 2) from generate_series(1, length(w.word) - 1) n) as of
      from unnest(array[nearest.word] || nearest.words) with ordinality w (word, place)
  ), given as (select p.of from pairs p where p.word = nearest.word limit 1)
  select string_agg(l.word, ', ' order by l.likeness desc, l.word)
    from (select w.word,
                 2.0 * (select count(*) from unnest(p.of) x where x = any (g.of)) / greatest(cardinality(p.of) + cardinality(g.of), 1) as likeness
            from unnest(nearest.words) w (word)
            join lateral (select pairs.of from pairs where pairs.word = w.word limit 1) p on true
           cross join given g
           order by likeness desc, w.word limit 3) l
   where l.likeness > 0.3
$$;

-- Values that only a dispatcher with its keys file can read.
create function webhooks.is_sealed(value text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$ select value collate "C" ~ '^sealed:v1:[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/]+={0,2}$' $$;

-- Headers but for their values, to be compared: as text, because reading JSON can fail.
create function webhooks.without_values(headers json) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(regexp_replace(headers::text, ':\s*"(?:[^"\\]|\\.)*"', ':', 'g'), '\s', '', 'g')
$$;

-- Headers as they can be judged: what is sealed was judged before it was.
create function webhooks.without_sealed(headers json) returns json
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case when headers::text like '%"sealed:v1:%'
    then regexp_replace(headers::text, ':\s*"sealed:v1:[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/]+={0,2}"', ':"sealed"', 'g')::json
    else headers end
$$;

-- Which column has a value that only looks sealed, as far as anybody can tell: one that nobody who seals has written, and
-- that was not there. Else a customer's "secret" could be one that no key opens, and ring the operator's alarm for it.
create function webhooks.planted(was webhooks.endpoints, made webhooks.endpoints) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when current_setting('webhooks.sealing', true) = 'on' then null
    when starts_with(made.secret, 'sealed:v1:') and made.secret is distinct from was.secret
         and made.secret is distinct from was.previous_secret then 'secret'
    when starts_with(made.previous_secret, 'sealed:v1:') and made.previous_secret is distinct from was.secret
         and made.previous_secret is distinct from was.previous_secret then 'previous_secret'
    when starts_with(made.api_key, 'sealed:v1:') and made.api_key is distinct from was.api_key then 'api_key'
    when made.headers::text is distinct from was.headers::text and exists (
      select from json_each_text(made.headers) h
       where starts_with(h.value, 'sealed:v1:')
         and not exists (select from json_each_text(was.headers) w where lower(w.key) = lower(h.key) and w.value = h.value)
      ) then 'headers'
  end;
exception
  when others then
    return null;  -- headers that cannot be read are refused as such
end
$$;

-- Whether all that is new is that something there is sealed, or sealed anew. That must go through whatever else is in the
-- row, and whatever its profile says by now: a key could never be taken out of use.
create function webhooks.is_only_sealed(was webhooks.endpoints, made webhooks.endpoints) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select (made.tenant, made.name, made.url, made.profile, made.previous_secret_until, made.timeout_s, made.max_in_flight,
          made.max_attempts, made.rate_limit, made.ordered)
         is not distinct from
         (was.tenant, was.name, was.url, was.profile, was.previous_secret_until, was.timeout_s, was.max_in_flight,
          was.max_attempts, was.rate_limit, was.ordered)
     and (made.secret is not distinct from was.secret or was.secret is not null and webhooks.is_sealed(made.secret))
     and (made.previous_secret is not distinct from was.previous_secret
          or was.previous_secret is not null and webhooks.is_sealed(made.previous_secret))
     and (made.api_key is not distinct from was.api_key or was.api_key is not null and webhooks.is_sealed(made.api_key))
     and (made.headers::text is not distinct from was.headers::text
          or webhooks.without_values(made.headers) = webhooks.without_values(was.headers)
             and webhooks.without_sealed(made.headers)::text !~ ':\s*"(?!sealed")')
$$;

-- What two spellings of the same URL have in common, all that is sent as the same: case of scheme and host, a port that
-- goes without saying, a bare host, a ? that nothing follows.
create function webhooks.url_digest(url text) returns bytea
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select sha256(convert_to(
    regexp_replace(lower(u.origin), '^(https://.*):443$|^(http://.*):80$', '\1\2')
      || case when u.rest = '' or u.rest like '?%' then '/' else '' end || u.rest, 'UTF8'))
    from (select coalesce(substring(url from '^[^:]*://[^/?]*'), '') as origin,
                 regexp_replace(substr(url, 1 + length(coalesce(substring(url from '^[^:]*://[^/?]*'), ''))), '^([^?]*)\?$', '\1') as rest) u
$$;

create function webhooks.generated_secret(encoding text) returns text
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select case encoding when 'hex' then encode(decode(substr(s.secret, 7), 'base64'), 'hex') else s.secret end
    from (select webhooks.generated_secret() as secret) s
$$;

create function webhooks.generate_api_key() returns text
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$ select replace(replace(rtrim(substr(webhooks.generated_secret(), 7), '='), '+', '-'), '/', '_') $$;

comment on function webhooks.generate_api_key() is 'a key of 256 random bits, to give to subscribe and to show once';

-- Why a secret is refused under a scheme, or null. Word for word what `refuse_secret` in policy/keys.py says, but that only
-- there the halves of a whsk_ key can be compared.
create function webhooks.refuse_secret(secret text, scheme text, encoding text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Strict: decode() forgives white space and missing bits that a receiver's library will not.
  base64 constant text := '([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$';
  given  text collate "C" := secret;
  size   int;
begin
  if secret is null or scheme = 'none' then
    return null;
  end if;
  if scheme = 'standard' and given ~ '^whsk_' then
    if given !~ ('^whsk_' || base64) then
      return 'is not whsk_ followed by base64';
    end if;
    size := length(decode(substr(given, 6), 'base64'));
    return case when size not in (32, 64) then format('has a key of %s bytes, not 32 or 64', size) end;
  end if;
  if scheme = 'standard' or encoding = 'base64' then
    if given !~ ('^whsec_' || base64) then
      return case scheme when 'standard' then 'is not whsec_ or whsk_ followed by base64' else 'is not whsec_ followed by base64' end;
    end if;
    size := length(decode(substr(given, 7), 'base64'));
    return case when size not between 24 and 64 then format('has a key of %s bytes, not 24 to 64', size) end;
  end if;
  if encoding = 'hex' then
    if given !~ '^([0-9A-Fa-f]{2})*$' then
      return 'is not pairs of hexadecimal digits';
    end if;
    size := length(given) / 2;
    return case when size not between 16 and 64 then format('has a key of %s bytes, not 16 to 64', size) end;
  end if;
  if given ~ '[\u0001-\u001f\u007f-\u009f]' then
    return 'has a control character';
  end if;
  size := length(convert_to(given, 'UTF8'));
  return case when size not between 8 and 512 then format('has a key of %s bytes, not 8 to 512', size) end;
end
$$;

-- What a secret has to be, for a hint.
create function webhooks.secret_hint(p webhooks.profiles) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p.scheme = 'standard' then 'whsec_ followed by the base64 of 24 to 64 random bytes, or an ed25519 key, whsk_ and base64'
    when p.encoding = 'base64' then 'whsec_ followed by the base64 of 24 to 64 random bytes'
    when p.encoding = 'hex' then '16 to 64 random bytes as hexadecimal digits'
    else 'any text of 8 to 512 bytes'
  end || case when p.secret = 'required' then '; leave it out at creation to have one made' else '; or null to have nothing signed' end
$$;

alter table webhooks.endpoints
  drop constraint profile_is_known,
  drop constraint secret_is_given,
  -- What the profile says, where nothing else is said.
  alter column state drop default;

create or replace function webhooks.endpoints_checked() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  why    text;
  types  text[];
  p      webhooks.profiles := webhooks.profile_of(new.profile);
  former webhooks.profiles;
begin
  if tg_op = 'UPDATE' and new.profile is distinct from old.profile then
    former := webhooks.profile_of(old.profile);
  else
    former := p;
  end if;
  if tg_op = 'INSERT' then
    new.state := coalesce(new.state, p.initial_state, 'active');
    if new.secret is null and p.secret = 'required' then
      new.secret := webhooks.generated_secret(p.encoding);
    end if;
  end if;
  if tg_op = 'UPDATE' and new.state is distinct from old.state then
    new.state_at := now();
  end if;
  if tg_op = 'UPDATE' and new.url is distinct from old.url then
    -- What was learnt about the old address says nothing about the new one.
    new.failing_since := null;
    new.parked_until := null;
  end if;

  if tg_op = 'UPDATE' and new.id <> old.id then
    perform webhooks.refuse('id_is_fixed', 'id cannot change', 'leave it as it is');
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
  why := webhooks.planted(case tg_op when 'UPDATE' then old end, new);
  if why is not null then
    perform webhooks.refuse('sealing_is_for_the_dispatcher', format('%s begins as sealed values do', why),
      'the plain value; the dispatcher seals it, where secrets.keys_file is set');
  end if;
  if tg_op = 'UPDATE' and current_setting('webhooks.sealing', true) = 'on' and webhooks.is_only_sealed(old, new) then
    return new;
  end if;

  if new.tenant is null or octet_length(new.tenant) > 256 then
    perform webhooks.refuse('tenant_is_at_most_256_bytes', 'tenant is null or too long', 'at most 256 bytes; leave it out for none');
  end if;
  if length(new.name) not between 1 and 200 then
    perform webhooks.refuse('name_is_1_to_200_characters', 'name is empty or too long', '1 to 200 characters, or null');
  end if;
  if p.name is null then
    perform webhooks.refuse('profile_is_known', 'profile is not known',
      (select 'allowed: ' || coalesce(string_agg(x.name, ', ' order by x.name), 'none') || ', or null for the default' from webhooks.profiles x));
  end if;
  if new.name is null and 'name' = any (p.required) then
    perform webhooks.refuse('name_is_given', format('name is null, and profile %s requires one', p.name), '1 to 200 characters');
  end if;
  if new.api_key is null and 'api_key' = any (p.required) then
    perform webhooks.refuse('api_key_is_given', format('api_key is null, and profile %s requires one', p.name), 'webhooks.generate_api_key() makes one');
  end if;
  if new.headers is null and 'headers' = any (p.required) then
    perform webhooks.refuse('headers_are_given', format('headers is null, and profile %s requires them', p.name), 'a JSON object of names to strings, such as {"Authorization": "Bearer abc"}');
  end if;
  why := webhooks.refuse_url(new.url);
  if new.url is null or why is not null then
    perform webhooks.refuse('url_is_http_or_https', 'url is refused: ' || coalesce(why, 'it is null'),
      'an absolute https:// URL (http:// where the dispatcher''s configuration allows it) of at most 2048 printable ASCII characters, without user, password or fragment');
  end if;
  if p.https_only and new.url ~* '^http:' then
    perform webhooks.refuse('url_is_https', format('url is refused: profile %s takes https only', p.name), 'an https:// URL');
  end if;
  if new.secret is null and p.secret = 'required' then
    perform webhooks.refuse('secret_is_given', format('secret is null, and profile %s signs every request', p.name), webhooks.secret_hint(p));
  end if;
  if new.secret is not null and p.secret = 'none' then
    perform webhooks.refuse('secret_fits_profile', format('secret is given, and profile %s signs nothing', p.name),
      'leave it out; api_key is sent in a header');
  end if;
  if tg_op = 'UPDATE' and (webhooks.is_sealed(new.secret) or webhooks.is_sealed(new.previous_secret))
     and (p.scheme, p.encoding) is distinct from (former.scheme, former.encoding) then
    perform webhooks.refuse('secret_fits_profile', format('profile cannot change: under %s a secret is something else, and this one is sealed', p.name),
      'give secret anew in the same statement, and previous_secret and previous_secret_until as null');
  end if;
  if tg_op = 'UPDATE' and new.profile is distinct from old.profile then
    types := webhooks.strict_types(new.profile);
    select s.pattern into why from webhooks.subscriptions s
     where types is not null and s.endpoint_id = new.id and s.pattern <> '*'
       and not exists (select from unnest(types) t where s.pattern = any (webhooks.candidates(t))) limit 1;
    if found then
      perform webhooks.refuse('type_is_in_catalogue', format('profile cannot change: pattern %s matches no event type of profile %s', quote_literal(why), p.name),
        'change the subscriptions first; webhooks.event_types lists the types');
    end if;
  end if;
  why := case when not webhooks.is_sealed(new.secret) then webhooks.refuse_secret(new.secret, p.scheme, p.encoding) end;
  if why is not null then
    perform webhooks.refuse('secret_is_given', 'secret ' || why, webhooks.secret_hint(p));
  end if;
  why := case when not webhooks.is_sealed(new.previous_secret) then webhooks.refuse_secret(new.previous_secret, p.scheme, p.encoding) end;
  if why is not null or (new.previous_secret is null) <> (new.previous_secret_until is null) then
    perform webhooks.refuse('previous_secret_has_an_end', 'previous_secret ' || coalesce(why, 'and previous_secret_until go together'),
      'use webhooks.rotate_secret, which keeps both');
  end if;
  why := case when not webhooks.is_sealed(new.api_key) then webhooks.refuse_api_key(new.api_key) end;
  if why is not null then
    perform webhooks.refuse('api_key_is_printable', 'api_key is refused: ' || why, 'printable ASCII, at most 4096 characters');
  end if;
  why := case when octet_length(new.headers::text) > 65536 then 'as JSON they are longer than 64 KiB'
              else webhooks.refuse_headers(webhooks.without_sealed(new.headers)) end;
  if why is not null then
    perform webhooks.refuse('headers_are_allowed', 'headers are refused: ' || why,
      'a JSON object of names to strings, such as {"Authorization": "Bearer abc"}; at most 32, 16 KiB in all, none that the dispatcher or a proxy sets');
  end if;
  select format('%s is set by %s', k.name, case when lower(k.name) = p.api_key_header then 'api_key' else 'the signature of a profile' end) into why
    from json_object_keys(coalesce(new.headers, '{}')) k (name)
   where lower(k.name) in (select x.signature_header from webhooks.profiles x) or (new.api_key is not null and lower(k.name) = p.api_key_header) limit 1;
  if found then
    perform webhooks.refuse('headers_are_allowed', 'headers are refused: ' || why, 'give it once');
  end if;
  if tg_op = 'UPDATE' and new.tenant <> old.tenant
     and (webhooks.is_sealed(new.secret) or webhooks.is_sealed(new.previous_secret) or webhooks.is_sealed(new.api_key)
          or new.headers::text <> webhooks.without_sealed(new.headers)::text) then
    perform webhooks.refuse('tenant_of_what_is_sealed_is_fixed', 'tenant cannot change: the endpoint''s secrets are sealed for it',
      'give secret, previous_secret, api_key and headers anew in the same statement, or make another endpoint');
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


create function webhooks.endpoint_url_claimed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  p     webhooks.profiles := webhooks.profile_of(new.profile);
  other bigint;
begin
  delete from webhooks.unique_urls u where u.endpoint_id = new.id;
  if p.unique_url then
    -- Waits for a transaction that claims the same, and then sees how it ended.
    insert into webhooks.unique_urls as u (endpoint_id, tenant, profile, digest)
    values (new.id, new.tenant, p.name, webhooks.url_digest(new.url))
    on conflict on constraint url_is_unique do nothing;
    if not found then
      select u.endpoint_id into other from webhooks.unique_urls u
       where u.tenant = new.tenant and u.profile = p.name and u.digest = webhooks.url_digest(new.url);
      perform webhooks.refuse('url_is_unique',
        format('url is refused: endpoint %s has it already, and profile %s wants a URL for each', coalesce(other::text, 'another'), p.name),
        'another URL, or add patterns to the subscriptions of that endpoint');
    end if;
  end if;
  return null;
end
$$;

create trigger endpoint_inserted_url after insert on webhooks.endpoints
for each row execute function webhooks.endpoint_url_claimed();
create trigger endpoint_updated_url after update on webhooks.endpoints
for each row when ((old.tenant, old.profile, old.url) is distinct from (new.tenant, new.profile, new.url))
execute function webhooks.endpoint_url_claimed();

-- Where a profile begins or ceases to want that, what is there already counts: of two that have the same, the older.
create function webhooks.profile_urls_claimed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from webhooks.unique_urls u
   using webhooks.endpoints e
   where e.id = u.endpoint_id and u.profile is distinct from (select p.name from webhooks.profile_of(e.profile) p where p.unique_url);
  insert into webhooks.unique_urls (endpoint_id, tenant, profile, digest)
  select e.id, e.tenant, p.name, webhooks.url_digest(e.url)
    from webhooks.profiles p
    join webhooks.endpoints e on e.profile = p.name or e.profile is null and p.name = (webhooks.profile_of(null)).name
   where p.unique_url
   order by e.id
  on conflict do nothing;
  return null;
end
$$;

create trigger profile_inserted_urls after insert on webhooks.profiles
for each row when (new.unique_url or new.is_default) execute function webhooks.profile_urls_claimed();
create trigger profile_updated_urls after update on webhooks.profiles
for each row when ((old.unique_url, old.is_default) is distinct from (new.unique_url, new.is_default))
execute function webhooks.profile_urls_claimed();
create trigger profile_deleted_urls after delete on webhooks.profiles
for each row when (old.unique_url or old.is_default) execute function webhooks.profile_urls_claimed();

-- The types that can be subscribed to; null where anything well-formed can: not strict, or no catalogue is installed.
create function webhooks.strict_types(profile text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select array_agg(t.name order by t.name)
    from webhooks.profile_of(profile) p
    join webhooks.event_types t on t.profile = p.name
   where p.strict
$$;

create or replace function webhooks.subscriptions_checked() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  why     text;
  profile text;
  types   text[];
begin
  select e.tenant, e.profile into new.tenant, profile from webhooks.endpoints e where e.id = new.endpoint_id;
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
  if tg_op = 'INSERT' or (new.pattern, new.endpoint_id) is distinct from (old.pattern, old.endpoint_id) then
    types := webhooks.strict_types(profile);
    if types is not null and new.pattern <> '*' and not exists (select from unnest(types) t where new.pattern = any (webhooks.candidates(t))) then
      perform webhooks.refuse('type_is_in_catalogue',
        format('pattern %s matches no event type of profile %s', quote_literal(new.pattern), (webhooks.profile_of(profile)).name),
        coalesce('did you mean ' || webhooks.nearest(new.pattern, types || case when new.pattern like '%.*' then array(
          select distinct c.pattern from unnest(types) t cross join lateral unnest(webhooks.candidates(t)) c (pattern) where c.pattern like '%.*') end)
          || '?', 'webhooks.event_types lists them'));
    end if;
  end if;
  why := webhooks.refuse_filter(new.filter);
  if why is not null then
    perform webhooks.refuse('filter_is_a_predicate', 'filter is refused: ' || why,
      'a jsonpath predicate over data, such as $.amount > 100 && $.currency == "EUR"');
  end if;
  return new;
end
$$;

-- Whether a secret is an ed25519 key. A sealed one tells by its length: whsk_ and base64 have 5 + 4n characters, whsec_ 6 + 4n,
-- and what sealing adds is 28 bytes.
create function webhooks.is_pair(secret text, scheme text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select scheme = 'standard'
     and case when webhooks.is_sealed(secret) then (length(b.box) * 3 / 4 - length(b.box) + length(rtrim(b.box, '='))) % 4 = 1
              else secret like 'whsk\_%' end
    from (select split_part(secret, ':', 4) as box) b
$$;

create or replace function webhooks.rotate_secret(endpoint_id bigint, secret text default null, overlap interval default '24 hours')
returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints := webhooks.endpoint_row(rotate_secret.endpoint_id);
  p webhooks.profiles := webhooks.profile_of(e.profile);
  new_secret text := coalesce(rotate_secret.secret, webhooks.generated_secret(p.encoding));
  -- One that slipped in malformed signs nothing, and must not stand in the way of its own replacement.
  old_secret text := case when webhooks.is_sealed(e.secret) or webhooks.refuse_secret(e.secret, p.scheme, p.encoding) is null
                          then e.secret end;
begin
  if p.secret = 'none' then
    perform webhooks.refuse('secret_fits_profile', format('profile %s signs nothing', p.name), 'there is no secret to rotate', '22023');
  end if;
  if rotate_secret.secret is null and webhooks.is_pair(e.secret, p.scheme) then
    perform webhooks.refuse('secret_is_given', 'secret is null, and the endpoint has an ed25519 key',
      'give the next key, whsk_ and base64: its public half has to reach the receiver before it signs', '22023');
  end if;
  if rotate_secret.overlap is null or rotate_secret.overlap < interval '0' or rotate_secret.overlap > interval '7 days' then
    perform webhooks.refuse('overlap_is_0_to_7_days', 'overlap is out of range', 'how long the old secret signs too: 0 to 7 days', '22023');
  end if;
  update webhooks.endpoints x
     set secret = new_secret,
         previous_secret = old_secret,
         previous_secret_until = case when old_secret is not null then now() + rotate_secret.overlap end
   where x.id = e.id;
  return new_secret;
end
$$;

create or replace function webhooks.ping(endpoint_id bigint, type text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e        webhooks.endpoints := webhooks.endpoint_row(ping.endpoint_id);
  p        webhooks.profiles := webhooks.profile_of(e.profile);
  event    uuid := webhooks.uuidv7();
  sent     text;
  example  json;
  delivery bigint;
begin
  if coalesce(ping.type, 'webhook.ping') = 'webhook.ping' then
    sent := 'webhook.ping';
    example := json_build_object('endpoint_id', e.id, 'message', 'A test, sent on request.');
  else
    select t.name, t.example into sent, example from webhooks.event_types t where t.profile = p.name and t.name = ping.type;
  end if;
  if sent is null then
    perform webhooks.refuse('type_has_an_example', format('the catalogue of profile %s has no example of %s', p.name, quote_literal(left(ping.type, 140))),
      coalesce((select 'did you mean ' || webhooks.nearest(left(ping.type, 128), array_agg(t.name)) || '?' from webhooks.event_types t where t.profile = p.name),
               format('leave type out to send webhook.ping; dispatcher profile install %s fills the catalogue', p.name)), '22023');
  end if;
  insert into webhooks.events (id, tenant, type, data, target) values (event, e.tenant, sent, example, e.id);
  insert into webhooks.fanouts (event_id, matched) values (event, 1);
  insert into webhooks.deliveries as d (event_id, endpoint_id, test) values (event, e.id, true) returning d.id into delivery;
  perform webhooks.ring(e.id);
  return delivery;
end
$$;

drop function webhooks.refuse_secret(text);

revoke execute on all functions in schema webhooks from public;
