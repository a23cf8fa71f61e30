-- The DEFAULT partitions that have rows: those are of no day there is a partition for.

select t.name
  from (values ('events_default', exists (select from webhooks.events_default)),
               ('fanouts_default', exists (select from webhooks.fanouts_default)),
               ('attempts_default', exists (select from webhooks.attempts_default))) t (name, has_rows)
 where t.has_rows
