-- Forget Idempotency-Keys after a day, some at a time.
--
-- $1  most  int4

with old as materialized (
  select r.ctid as place from webhooks.requests r
   where r.at < now() - interval '1 day'
   limit $1::int
     for update skip locked
), deleted as (
  delete from webhooks.requests r where r.ctid = any (array(select place from old)) returning 1
)
select count(*) from deleted
