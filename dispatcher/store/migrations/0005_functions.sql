-- What an application and an operator call. Every refusal: SQLSTATE 22023 or 23514, a constraint name, a hint, no detail.

create function webhooks.as_json(data text) returns json
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return data::json;
exception
  when data_exception or program_limit_exceeded then
    perform webhooks.refuse('data_is_json', 'data is not JSON: ' || sqlerrm, 'one JSON value, as text, json or jsonb', '22023');
end
$$;

create function webhooks.emit(
  type text, data json, tenant text default '', key text default null, context json default null,
  occurred_at timestamptz default now()
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  new_id   uuid := webhooks.uuidv7();
  first_id uuid;
begin
  if emit.type is null or not webhooks.is_type(emit.type) then
    perform webhooks.refuse('type_is_dotted_words_of_at_most_128_bytes', 'type is malformed',
      'words of A-Z a-z 0-9 _ - joined by dots, at most 128 bytes, such as order.paid', '22023');
  end if;
  if emit.type like 'webhook.%' then
    perform webhooks.refuse('type_prefix_webhook_is_reserved', 'types that begin with webhook. are reserved', 'choose another first word', '22023');
  end if;
  if emit.data is null or octet_length(emit.data::text) > 1000000 then
    perform webhooks.refuse('data_is_at_most_1000000_bytes', 'data is null or too long', 'one JSON value of at most 1,000,000 bytes', '22023');
  end if;
  if octet_length(emit.context::text) > 1000000 then
    perform webhooks.refuse('context_is_at_most_1000000_bytes', 'context is too long', 'one JSON value of at most 1,000,000 bytes, or null', '22023');
  end if;
  if emit.tenant is null or octet_length(emit.tenant) > 256 then
    perform webhooks.refuse('tenant_is_at_most_256_bytes', 'tenant is null or too long', 'at most 256 bytes; leave it out for none', '22023');
  end if;
  if octet_length(emit.key) not between 1 and 512 then
    perform webhooks.refuse('key_is_1_to_512_bytes', 'key is empty or too long', '1 to 512 bytes, or null', '22023');
  end if;
  if emit.occurred_at is null or emit.occurred_at < '1970-01-01 00:00+00' or emit.occurred_at >= '10000-01-01 00:00+00' then
    perform webhooks.refuse('occurred_at_is_from_1970_to_9999', 'occurred_at is null or out of range', 'an instant from 1970 to 9999; leave it out for now', '22023');
  end if;

  if emit.key is not null then
    -- Waits for a transaction that is writing the same key, and then sees how it ended.
    insert into webhooks.event_keys as k (tenant, key, event_id) values (emit.tenant, emit.key, new_id)
    on conflict on constraint key_is_unused do nothing;
    if not found then
      select k.event_id into first_id from webhooks.event_keys k where k.tenant = emit.tenant and k.key = emit.key;
      if first_id is null then
        -- REPEATABLE READ: the winner committed after our snapshot, which cannot show it.
        raise exception using errcode = 'serialization_failure', message = 'the key was used by a concurrent transaction',
          hint = 'run the transaction again';
      end if;
      return first_id;
    end if;
  end if;

  insert into webhooks.events (id, tenant, type, data, context, key, occurred_at)
  values (new_id, emit.tenant, emit.type, emit.data, emit.context, emit.key, emit.occurred_at);
  return new_id;
end
$$;

create function webhooks.emit(
  type text, data text, tenant text default '', key text default null, context json default null,
  occurred_at timestamptz default now()
) returns uuid
language sql volatile
return webhooks.emit(type, webhooks.as_json(data), tenant, key, context, occurred_at);

create function webhooks.emit(
  type text, data jsonb, tenant text default '', key text default null, context json default null,
  occurred_at timestamptz default now()
) returns uuid
language sql volatile
return webhooks.emit(type, data::json, tenant, key, context, occurred_at);

create function webhooks.endpoint_row(id bigint) returns webhooks.endpoints
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints;
begin
  select * into e from webhooks.endpoints x where x.id = endpoint_row.id for update;
  if not found then
    perform webhooks.refuse('endpoint_exists', format('there is no endpoint %s', coalesce(id::text, 'null')),
      'webhooks.endpoint_status lists them', '22023');
  end if;
  return e;
end
$$;

create type webhooks.subscribed as (endpoint_id bigint, secret text);

create function webhooks.subscribe(
  url text, types text[] default '{*}', tenant text default '', name text default null, profile text default null,
  secret text default null, api_key text default null, headers json default null, timeout_s numeric default null,
  max_in_flight int default null, max_attempts int default null, rate_limit numeric default null,
  ordered boolean default false, filter jsonpath default null
) returns webhooks.subscribed
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  made webhooks.subscribed;
begin
  if coalesce(cardinality(subscribe.types), 0) = 0 then
    perform webhooks.refuse('types_are_given', 'types is null or empty', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
  end if;
  insert into webhooks.endpoints as e (tenant, name, url, profile, secret, api_key, headers, timeout_s, max_in_flight,
                                       max_attempts, rate_limit, ordered)
  values (subscribe.tenant, subscribe.name, subscribe.url, subscribe.profile, subscribe.secret, subscribe.api_key,
          subscribe.headers, subscribe.timeout_s, subscribe.max_in_flight, subscribe.max_attempts,
          subscribe.rate_limit, subscribe.ordered)
  returning e.id, e.secret into made;
  insert into webhooks.subscriptions (endpoint_id, tenant, pattern, filter)
  select made.endpoint_id, subscribe.tenant, p.pattern, subscribe.filter
    from (select distinct x.pattern from unnest(subscribe.types) x (pattern)) p;
  return made;
end
$$;

create function webhooks.unsubscribe(endpoint_id bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform webhooks.endpoint_row(unsubscribe.endpoint_id);
  delete from webhooks.endpoints e where e.id = unsubscribe.endpoint_id;
end
$$;

-- The only moves between states: from one of `allowed` to `wanted`; already there is no error.
create function webhooks.move(endpoint_id bigint, wanted text, allowed text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints := webhooks.endpoint_row(endpoint_id);
begin
  if e.state = wanted then
    return;
  end if;
  if not e.state = any (allowed) then
    perform webhooks.refuse('state_allows_it', format('endpoint %s is %s', e.id, e.state),
      case when wanted = 'paused' then 'only an active endpoint can be paused'
           when allowed = array['paused'] then 'only a paused endpoint can be resumed; webhooks.activate is for inactive and disabled ones'
           else 'only an inactive or disabled endpoint can be activated; webhooks.resume is for paused ones' end, '22023');
  end if;
  update webhooks.endpoints x
     set state = wanted, state_reason = null, failing_since = null, parked_until = null
   where x.id = e.id;
end
$$;

create function webhooks.pause(endpoint_id bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select webhooks.move($1, 'paused', array['active']) $$;

create function webhooks.resume(endpoint_id bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select webhooks.move($1, 'active', array['paused']) $$;

create function webhooks.activate(endpoint_id bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select webhooks.move($1, 'active', array['inactive', 'disabled']) $$;

create function webhooks.rotate_secret(endpoint_id bigint, secret text default null, overlap interval default '24 hours')
returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e webhooks.endpoints := webhooks.endpoint_row(rotate_secret.endpoint_id);
  new_secret text := coalesce(rotate_secret.secret, webhooks.generated_secret());
  -- One that slipped in malformed signs nothing, and must not stand in the way of its own replacement.
  old_secret text := case when webhooks.refuse_secret(e.secret) is null then e.secret end;
begin
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

-- Tells the dispatcher to look at an endpoint again.
create function webhooks.ring(endpoint_id bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into webhooks.changes (endpoint_id) values (ring.endpoint_id);
  perform pg_notify('webhooks_changed', '');
end
$$;

create function webhooks.retry(delivery_id bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  lane bigint;
begin
  update webhooks.deliveries d
     set due_at = clock_timestamp(), retry_at = null, attempts = 0, version = d.version + 1
   where d.id = retry.delivery_id
  returning d.endpoint_id into lane;
  if lane is null then
    -- Dead: the row is gone, its last attempt remembers it. Its endpoint and its event must still be there.
    -- A version that no report of its former life can name: one said again must not end it unsent.
    insert into webhooks.deliveries as d (id, event_id, endpoint_id, due_at, version)
    select a.delivery_id, a.event_id, a.endpoint_id, clock_timestamp(), 1000000 + (random() * 1000000000)::int
      from (select x.* from webhooks.attempts x where x.delivery_id = retry.delivery_id order by x.at desc limit 1) a
     where a.outcome = 'dead'
       and exists (select from webhooks.endpoints e where e.id = a.endpoint_id)
       and exists (select from webhooks.events e where e.id = a.event_id and e.target is null)
    -- Another session was faster: then it is open, and due now once more.
    on conflict (id) do update set due_at = excluded.due_at, retry_at = null, attempts = 0, version = d.version + 1
    returning d.endpoint_id into lane;
  end if;
  if lane is null then
    return false;
  end if;
  perform webhooks.ring(lane);
  return true;
end
$$;

create function webhooks.replay(endpoint_id bigint, since timestamptz, until timestamptz default now(), types text[] default '{*}')
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e     webhooks.endpoints := webhooks.endpoint_row(replay.endpoint_id);
  total bigint;
  wrong text;
begin
  if replay.since is null or replay.until is null or replay.since > replay.until
     or not (isfinite(replay.since) and isfinite(replay.until)) then
    perform webhooks.refuse('since_is_before_until', 'since and until are no span of time', 'since => an instant, until => a later one (default now)', '22023');
  end if;
  select p into wrong from unnest(replay.types) p where p is null or not webhooks.is_pattern(p) limit 1;
  if found or coalesce(cardinality(replay.types), 0) = 0 then
    perform webhooks.refuse('types_are_given', 'types is empty or has a malformed pattern', 'at least one pattern, such as {order.*}, or {*} for all', '22023');
  end if;
  -- By id, which is dated when the event was inserted; those still in the inbox are about to be fanned out anyway.
  with again as (
    insert into webhooks.deliveries (event_id, endpoint_id, due_at)
    select v.id, e.id, clock_timestamp()
      from webhooks.events v
     where v.id >= webhooks.uuid_floor(least(replay.since, clock_timestamp()))
       and v.id < webhooks.uuid_floor(least(replay.until, clock_timestamp()) + interval '1 ms')
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

create function webhooks.ping(endpoint_id bigint, type text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  e        webhooks.endpoints := webhooks.endpoint_row(ping.endpoint_id);
  event    uuid := webhooks.uuidv7();
  delivery bigint;
begin
  if coalesce(ping.type, 'webhook.ping') <> 'webhook.ping' then
    perform webhooks.refuse('type_has_an_example', 'no catalogue has an example of this type', 'leave type out to send webhook.ping', '22023');
  end if;
  insert into webhooks.events (id, tenant, type, data, target)
  values (event, e.tenant, 'webhook.ping', json_build_object('endpoint_id', e.id, 'message', 'A test, sent on request.'), e.id);
  insert into webhooks.fanouts (event_id, matched) values (event, 1);
  insert into webhooks.deliveries as d (event_id, endpoint_id, test) values (event, e.id, true) returning d.id into delivery;
  perform webhooks.ring(e.id);
  return delivery;
end
$$;
