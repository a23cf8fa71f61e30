select (select count(*) from webhooks.inbox) + (select count(*) from webhooks.deliveries)
