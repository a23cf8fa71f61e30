-- Become the holder, the lock being ours: the epoch moves, and whatever carries an older one finds nothing from here on.
-- `epoch` is null where the database belongs to another installation: then nothing has changed.
--
-- $1  installation  text    the database becomes its own, if nobody's yet
-- $2  dispatcher    text    who we are, for whoever looks
-- $3  version       text
-- $4  events_days   float8
-- $5  adopt         bool    make it ours although it is another's

with before as materialized (
  select * from webhooks.holder h for update
), taken as (
  update webhooks.holder h
     set epoch = h.epoch + 1, installation = $1::text, dispatcher = $2::text, version = $3::text,
         since = clock_timestamp(), left_at = null, events_days = $4::float8
    from before b
   where $5::bool or b.installation is null or b.installation = $1
  returning h.epoch
)
select b.epoch as epoch_before, b.installation, b.epoch > 0 and b.left_at is null as may_live, t.epoch,
       set_config('application_name', 'dispatcher: holder ' || $2, false) as application
  from before b
  left join taken t on true
