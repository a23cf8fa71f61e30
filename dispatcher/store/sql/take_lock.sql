-- Try to become the one dispatcher that holds the work. Never waits: waiting inside would hold back vacuum.

select pg_try_advisory_lock(hashtextextended('webhooks.dispatcher', 0))
