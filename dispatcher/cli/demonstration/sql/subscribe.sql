select endpoint_id, secret from webhooks.subscribe($1, $2, name => $3, timeout_s => 5)
