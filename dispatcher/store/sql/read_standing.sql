-- How this session stands: whether it can write (one that was failed over to a replica answers, and is of no use), has the
-- lock, and whether the epoch is still the one it took the work under.
--
-- $1  epoch  int8

select not pg_is_in_recovery() and not current_setting('transaction_read_only')::bool as can_write,
       exists (select from pg_locks l
                where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.pid = pg_backend_pid()
                  and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('webhooks.dispatcher', 0)) as has_lock,
       exists (select from webhooks.holder h where h.epoch = $1::bigint) as has_epoch
