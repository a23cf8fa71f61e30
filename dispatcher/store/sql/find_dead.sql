-- Of the tables where rows come and go: how many are dead and how many are not, as far as Postgres has counted.

select c.relname as name, pg_stat_get_dead_tuples(c.oid) as dead, pg_stat_get_live_tuples(c.oid) as live
  from pg_class c
 where c.relnamespace = 'webhooks'::regnamespace
   and c.relname in ('deliveries', 'inbox', 'changes', 'event_keys', 'endpoints')
