-- The id of the next token: it is part of the text that the digest is of.

select nextval(pg_get_serial_sequence('webhooks.tokens', 'id'))
