insert into webhooks.events (type, data) values ($1, $2)
