-- Where we are, and what there is to ask: the server, our role, whether the schema is there and may be looked at.

select current_setting('server_version') as server, current_user as role, current_database() as database,
       pg_is_in_recovery() as replica, current_setting('transaction_read_only') = 'on' as read_only,
       to_regnamespace('webhooks') is not null as there,
       coalesce(has_schema_privilege(to_regnamespace('webhooks'), 'usage'), false) as usable,
       clock_timestamp() as now
