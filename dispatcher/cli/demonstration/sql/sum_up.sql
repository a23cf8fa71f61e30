select (select count(*) from webhooks.events) as events,
       (select coalesce(sum(matched), 0) from webhooks.fanouts) as deliveries,
       (select count(*) from webhooks.attempts where outcome = 'delivered') as delivered,
       (select count(*) from webhooks.attempts where outcome in ('dead', 'cancelled', 'expired')) as dead
