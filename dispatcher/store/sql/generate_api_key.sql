-- Make a key of 256 random bits.

select webhooks.generate_api_key()
