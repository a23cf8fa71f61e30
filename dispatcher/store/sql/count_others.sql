-- How many endpoints other tenants have.
--
-- $1  tenant  text

select count(*) as endpoints from webhooks.endpoints e where e.tenant <> $1::text
