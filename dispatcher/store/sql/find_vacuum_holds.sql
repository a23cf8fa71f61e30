-- What keeps vacuum from removing dead rows, as far as we may see it: the oldest of each kind, in transactions.
--
-- $1  least  int4  what holds back fewer is nobody's affair

select h.what, h.transactions
  from (
    (select format('backend %s of role %s (%s)', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'unnamed')) as what,
            age(a.backend_xmin) as transactions
       from pg_stat_activity a where a.backend_xmin is not null order by 2 desc limit 1)
    union all
    (select format('prepared transaction %s', p.gid), age(p.transaction) from pg_prepared_xacts p order by 2 desc limit 1)
    union all
    (select format('replication slot %s', s.slot_name), greatest(age(s.xmin), age(s.catalog_xmin))
       from pg_replication_slots s where s.xmin is not null or s.catalog_xmin is not null order by 2 desc limit 1)
  ) h
 where h.transactions >= $1::int
 order by h.transactions desc
