-- Insert an event as an application does; the id it has now, or had before under the same key.
--
-- $1  type         text
-- $2  data         text         JSON
-- $3  tenant       text
-- $4  key          text         null: none
-- $5  context      text         JSON; null: none
-- $6  occurred_at  timestamptz  null: now

select webhooks.emit(
  type => $1::text, data => $2::text, tenant => $3::text, key => $4::text,
  context => case when $5::text is not null then webhooks.as_json($5) end, occurred_at => coalesce($6::timestamptz, now()))
