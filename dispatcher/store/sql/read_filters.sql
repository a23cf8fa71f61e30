-- The filters that one event would meet.
--
-- $1  tenant  text
-- $2  type    text

select s.endpoint_id, s.filter::text as filter
  from unnest(webhooks.candidates($2::text)) c (pattern)
 cross join lateral (select s.endpoint_id, s.filter from webhooks.subscriptions s
                      where s.tenant = $1::text and s.pattern = c.pattern and s.filter is not null offset 0) s
 cross join lateral (select from webhooks.endpoints e
                      where e.id = s.endpoint_id and e.state in ('active', 'paused') offset 0) e
