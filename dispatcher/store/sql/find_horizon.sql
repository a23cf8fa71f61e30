-- Who looks back furthest: what was alive then, VACUUM cannot remove. Of other roles' sessions an ordinary role is told no
-- more than this; `since` may be null.

select h.kind, h.pid, h.name, h.role, h.xmin::text as xmin, h.since, age(h.xmin) as transactions
  from (
    -- A VACUUM shows where it stands, too, and holds back nobody.
    select case when a.datid is null then 'standby' else 'transaction' end as kind, a.pid, a.application_name as name,
           a.usename::text as role, x.xmin, a.xact_start as since
      from pg_stat_activity a
     cross join lateral (values (a.backend_xmin), (a.backend_xid)) x (xmin)
     where a.pid <> pg_backend_pid()
       and (a.datid is null or a.datname = current_database())
       and not exists (select from pg_stat_progress_vacuum v where v.pid = a.pid)
    union all
    select 'prepared transaction', null, p.gid, p.owner::text, p.transaction, p.prepared
      from pg_prepared_xacts p
     where p.database = current_database()
    union all
    select 'replication slot', s.active_pid, s.slot_name::text, null, s.xmin, null
      from pg_replication_slots s
  ) h
 where h.xmin is not null
 order by age(h.xmin) desc, h.since
 limit 1
