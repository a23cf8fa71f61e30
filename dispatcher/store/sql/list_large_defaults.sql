-- The DEFAULT partitions with more than that: to attach a day beside one is to read it while its INSERTs wait.
--
-- $1  bytes  int8  without what is stored apart from the rows, which is not read

select c.relname::text as name
  from pg_class c
 where c.relnamespace = 'webhooks'::regnamespace
   and c.relname in ('events_default', 'fanouts_default', 'attempts_default')
   and pg_relation_size(c.oid) > $1::bigint
