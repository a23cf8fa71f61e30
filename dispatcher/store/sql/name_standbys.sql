-- The dispatchers that wait for the work, by their sessions.

select a.pid, a.application_name as application, a.client_addr::text as address
  from pg_stat_activity a
 where a.datname = current_database() and a.application_name like 'dispatcher: standby %'
 order by a.pid
