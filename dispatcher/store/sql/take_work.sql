-- Become the holder: the epoch moves, and whatever carries an older one finds nothing from here on. Nothing changes, and
-- `epoch` is null, where this session has not got the lock, or the database belongs to another installation.
--
-- $1  installation  text    the database becomes its own, if nobody's yet
-- $2  dispatcher    text    who we are, for whoever looks
-- $3  version       text
-- $4  events_days   float8
-- $5  adopt         bool    make it ours although it is another's

with before as materialized (
  select * from webhooks.holder h for update
), lock as materialized (
  -- The session may have ended since the lock was taken, and this be another.
  select exists (select from pg_locks l
                  where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.pid = pg_backend_pid()
                    and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('webhooks.dispatcher', 0)) as is_ours
), taken as (
  update webhooks.holder h
     set epoch = h.epoch + 1, installation = $1::text, dispatcher = $2::text, version = $3::text,
         since = clock_timestamp(), left_at = null, events_days = $4::float8
    from before b, lock k
   where k.is_ours and ($5::bool or b.installation is null or b.installation = $1)
  returning h.epoch
)
select b.epoch as epoch_before, b.installation, b.epoch > 0 and b.left_at is null as may_live, k.is_ours, t.epoch,
       set_config('application_name', 'dispatcher: holder ' || $2, false) as application
  from before b
 cross join lock k
  left join taken t on true
