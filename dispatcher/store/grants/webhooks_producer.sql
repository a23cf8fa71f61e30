-- What a producer may do: insert events and read back what it needs for RETURNING id. No data of others, no secret.
grant usage on schema webhooks to webhooks_producer;
grant insert (id, tenant, type, data, context, key, occurred_at), select (id, tenant, type, occurred_at)
  on webhooks.events to webhooks_producer;
grant execute on function
  webhooks.emit(text, text, text, text, json, timestamptz),
  webhooks.emit(text, json, text, text, json, timestamptz),
  webhooks.emit(text, jsonb, text, text, json, timestamptz),
  webhooks.as_json(text), webhooks.uuidv7(), webhooks.is_type(text),
  webhooks.refuse(text, text, text, text)
  to webhooks_producer;
