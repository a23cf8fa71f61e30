-- Whether this session can still write. One that was failed over to a standby answers, and is of no use.

select not pg_is_in_recovery() and not current_setting('transaction_read_only')::bool
