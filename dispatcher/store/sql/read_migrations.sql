-- The migrations this database has had.

select number, name, checksum from webhooks.migrations order by number
