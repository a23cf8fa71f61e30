-- Insert an event from a request's body, whose data is kept as it is written there.
--
-- $1  body         json         with type, data, and what else emit takes
-- $2  tenant       text
-- $3  occurred_at  timestamptz  null: now

select webhooks.emit(
  type => $1::json ->> 'type', data => $1 -> 'data', tenant => $2::text, key => $1 ->> 'key',
  context => case when json_typeof($1 -> 'context') <> 'null' then $1 -> 'context' end,
  occurred_at => coalesce($3::timestamptz, now()))
