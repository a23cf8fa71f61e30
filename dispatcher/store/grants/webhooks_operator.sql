-- What an operator may do: read the state, act through the functions, edit endpoints. Secrets can be set, not read.
grant usage on schema webhooks to webhooks_operator;
grant select on webhooks.delivery_status, webhooks.endpoint_status, webhooks.event_status, webhooks.endpoint_settings,
  webhooks.endpoint_rates,
  webhooks.deliveries, webhooks.fanouts, webhooks.attempts, webhooks.inbox, webhooks.subscriptions,
  webhooks.holder, webhooks.profiles, webhooks.event_types to webhooks_operator;
grant select (id, tenant, type, occurred_at) on webhooks.events to webhooks_operator;
grant select (id, tenant, name, url, profile, previous_secret_until, timeout_s, max_in_flight, max_attempts, rate_limit,
              ordered, state, state_reason, state_at, failing_since, parked_until, created_at),
  insert, update, delete on webhooks.endpoints to webhooks_operator;
grant insert, update, delete on webhooks.subscriptions to webhooks_operator;
grant execute on function
  webhooks.subscribe(text, text[], text, text, text, text, text, json, numeric, int, int, numeric, boolean, jsonpath),
  webhooks.unsubscribe(bigint), webhooks.pause(bigint), webhooks.resume(bigint), webhooks.activate(bigint),
  webhooks.rotate_secret(bigint, text, interval), webhooks.retry(bigint),
  webhooks.replay(bigint, timestamptz, timestamptz, text[]), webhooks.ping(bigint, text),
  webhooks.is_type(text), webhooks.is_pattern(text), webhooks.candidates(text), webhooks.header_names(json),
  webhooks.generate_api_key(), webhooks.create_endpoint(json), webhooks.update_endpoint(bigint, json), webhooks.cancel(bigint)
  to webhooks_operator;
grant select on webhooks.replays to webhooks_operator;
grant execute on function
  webhooks.begin_replay(bigint, timestamptz, timestamptz, text[], boolean), webhooks.carry_on_replay(bigint, int),
  webhooks.end_replay(bigint),
  webhooks.preview_replay(bigint, timestamptz, timestamptz, text[], boolean, uuid, int)
  to webhooks_operator;
