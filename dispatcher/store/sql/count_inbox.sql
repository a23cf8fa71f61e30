-- Count the events not yet fanned out, to a bound, and find the oldest of those counted: ids are dated.
--
-- $1  most  int4

with waiting as materialized (select i.event_id from webhooks.inbox i limit $1::int)
select count(*)::int as events, (select w.event_id from waiting w order by w.event_id limit 1) as oldest from waiting
