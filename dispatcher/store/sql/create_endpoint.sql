-- Create an endpoint with its subscriptions.
--
-- $1  settings  json  by name, as webhooks.subscribe has them

select c.endpoint_id, c.secret from webhooks.create_endpoint($1::json) c
