-- The profiles as the dispatcher has them, by name.

select p.name, p.is_default, p.description, p.scheme, p.secret, p.encoding, p.signature_header, p.api_key_header,
       p.content_type, p.success, p.timeout_s, p.max_in_flight, p.max_attempts, p.https_only, p.unique_url, p.required,
       p.initial_state, p.strict
  from webhooks.profiles p
 order by p.name
