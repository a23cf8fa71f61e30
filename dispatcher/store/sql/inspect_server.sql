-- The server, how we got there, and how many connections are left for a role like ours.

select current_setting('server_version') as server, current_setting('server_version_num')::int / 10000 as major,
       current_user as role, r.rolsuper as superuser, current_database() as database,
       pg_is_in_recovery() as replica, current_setting('transaction_read_only') = 'on' as read_only,
       (select s.version from pg_stat_ssl s where s.pid = pg_backend_pid() and s.ssl) as tls,
       coalesce(inet_server_addr() << '127.0.0.0/8' or inet_server_addr() = '::1', true) as local,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int
         - (select coalesce(sum(b.numbackends), 0) from pg_stat_database b)::int as slots_left,
       nullif(r.rolconnlimit, -1) as role_limit, nullif(d.datconnlimit, -1) as database_limit
  from pg_roles r, pg_database d
 where r.rolname = current_user and d.datname = current_database()
