-- Stop an endpoint ourselves, and say why. An operator's `paused` is no obstacle; what is already disabled keeps its reason.
-- False while somebody else changes the row.
--
-- $1  endpoint  int8
-- $2  reason    text

with free as materialized (
  select e.id, e.state from webhooks.endpoints e where e.id = $1::bigint for no key update skip locked
), changed as (
  update webhooks.endpoints e
     set state = 'disabled', state_reason = $2::text, parked_until = null
    from free f
   where e.id = f.id and f.state <> 'disabled'
)
select exists (select from free) or not exists (select from webhooks.endpoints e where e.id = $1) as done
