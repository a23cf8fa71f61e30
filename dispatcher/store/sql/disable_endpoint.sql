-- Stop an endpoint ourselves, and say why. An operator's `paused` is no obstacle; what is already disabled keeps its reason.
--
-- $1  endpoint  int8
-- $2  reason    text

update webhooks.endpoints e
   set state = 'disabled', state_reason = $2::text, parked_until = null
 where e.id = $1::bigint and e.state <> 'disabled'
returning e.id
