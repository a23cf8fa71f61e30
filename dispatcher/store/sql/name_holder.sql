-- Who holds the work.

select a.pid, a.usename as role, a.application_name as application, a.client_addr::text as address, a.backend_start as since
  from pg_locks l
  join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.objsubid = 1
   and l.database = (select oid from pg_database where datname = current_database())
   and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('webhooks.dispatcher', 0)
