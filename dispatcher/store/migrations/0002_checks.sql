-- Why a value is refused, or null: said in words, before any row is written. What needs the configuration is judged later.

create function webhooks.is_pattern(pattern text) returns boolean
language sql immutable parallel safe
return pattern = '*' or webhooks.is_type(case when pattern like '%.*' then left(pattern, -2) else pattern end);

create function webhooks.generated_secret() returns text
language sql volatile
return 'whsec_' || encode(
  sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');

-- Why a secret is refused, or null. Standard Webhooks 1.0.0: whsec_ and the base64 of 24 to 64 bytes.
create function webhooks.refuse_secret(secret text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  body text := substr(secret, 7);
  size int;
begin
  -- Strict: decode() forgives white space and missing bits that a receiver's library will not.
  if secret !~ '^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' then
    return 'is not whsec_ followed by base64';
  end if;
  size := length(decode(body, 'base64'));
  if size not between 24 and 64 then
    return format('has a key of %s bytes', size);
  end if;
  return null;
end
$$;

-- Why a filter is refused, or null. A path that is no predicate would select, and then match nothing, silently.
create function webhooks.refuse_filter(filter jsonpath) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A strict path fails on what is not there before it can be seen what it is.
  lax jsonpath := regexp_replace(filter::text, '^strict ', '');
begin
  -- Not silent: a path that does not yield one boolean is an error here and nowhere else. A predicate never fails: what
  -- goes wrong inside one makes it unknown.
  perform jsonb_path_match('{}', lax), jsonb_path_match('[]', lax);
  return null;
exception
  when undefined_object then
    return 'it uses a variable';
  when others then
    return 'it selects values instead of deciding yes or no';
end
$$;

-- Why a URL is refused under any configuration, or null. Word for word what `structure` in policy/urls.py says.
create function webhooks.refuse_url(url text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Collation "C": what is a letter must not depend on the database's locale.
  given     text collate "C" := url;
  rest      text collate "C";
  authority text collate "C";
  host      text collate "C";
  port      text collate "C";
  address   inet;
  octet     constant text := '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
  label     constant text := '(?!-)[a-z0-9_-]{1,63}(?<!-)';
begin
  if given = '' then
    return 'it is empty';
  end if;
  if length(given) > 2048 then
    return 'it is longer than 2048 characters';
  end if;
  if given ~ '[^!-~]' then
    return 'it has a character that is not printable ASCII; write hosts in punycode and percent-encode the rest';
  end if;
  if given !~* '^https?:' then
    return 'its scheme is not https or http';
  end if;
  if given !~* '^https?://' then
    return 'it has no // after the scheme; write https://host/path';
  end if;
  if position('#' in given) > 0 then
    return 'it has a fragment (#), which is never sent; leave it out';
  end if;

  rest := substr(given, position('://' in given) + 3);
  authority := substring(rest from '^[^/?]*');
  host := lower(substring(authority from '^((?:.*\])?[^:]*)'));
  port := substr(authority, length(host) + 2);
  if length(authority) = length(host) then
    port := case when given ~* '^https:' then '443' else '80' end;
  end if;
  if position('@' in authority) > 0 then
    return 'it has a user or password before the host; use a header for credentials';
  end if;
  if host = '' then
    return 'it has no host';
  end if;
  if port !~ '^[1-9][0-9]{0,4}$' or port::int > 65535 then
    return 'its port is not a number from 1 to 65535 without leading zeros';
  end if;

  if host like '[%' then
    begin
      address := substring(host from '^\[([0-9a-f:]+)\]$')::inet;
    exception when invalid_text_representation then
      address := null;
    end;
    if address is null or family(address) <> 6 then
      return 'its host is not an IPv6 address in its canonical form, such as [2001:db8::1]';
    end if;
    if address << '::ffff:0:0/96' or (address << '::/96' and address not in ('::', '::1')) then
      return 'its host is an IPv4 address inside an IPv6 address; use the IPv4 address';
    end if;
    if '[' || host(address) || ']' <> host then
      return 'its host is not an IPv6 address in its canonical form, such as [2001:db8::1]';
    end if;
  elsif host ~ '^(.*\.)?([0-9]+|0x[0-9a-f]*)$' then
    if host !~ ('^' || octet || '(\.' || octet || '){3}$') then
      return 'its host is not an IPv4 address in its canonical form, four decimal numbers such as 192.0.2.1';
    end if;
  elsif length(host) > 253 or host !~ ('^' || label || '(\.' || label || ')*$') then
    return 'its host is not a name of letters, digits, hyphens, underscores and single dots, at most 63 between two dots and 253 in all';
  end if;

  rest := substr(rest, length(authority) + 1);
  if rest !~ '^(/([A-Za-z0-9._~!$&''()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(\?([A-Za-z0-9._~!$&''()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$' then
    return 'its path or query has a character that has to be percent-encoded, or a % without two hexadecimal digits';
  end if;
  if split_part(rest, '?', 1) ~* '/(\.|%2e){1,2}(/|$)' then
    return 'its path has a segment . or .., plain or percent-encoded';
  end if;
  return null;
end
$$;

-- Why custom headers are refused, or null. Word for word what `refuse_headers` in policy/headers.py says.
create function webhooks.refuse_headers(headers json) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  forbidden constant text[] := array[
    'host', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'te', 'trailer', 'trailers',
    'connection', 'keep-alive', 'upgrade', 'expect', 'accept-encoding', 'user-agent', 'date', 'http2-settings',
    'proxy', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'via', 'forwarded', 'max-forwards',
    'cookie', 'cookie2', 'set-cookie', 'origin', 'referer', 'range', 'x-http-method', 'x-http-method-override',
    'x-method-override', 'x-original-url', 'x-rewrite-url'
  ];
  prefixes  constant text[] := array[
    'webhook-', 'x-webhook-', 'svix-', 'x-svix-', 'sec-', 'proxy-', 'x-forwarded-', 'x-real-ip', 'x-client-ip',
    'x-envoy-', 'x-amz-', 'x-amzn-', 'x-aws-', 'x-goog-', 'x-google-', 'x-gfe-', 'x-azure-', 'x-ms-', 'metadata'
  ];
  readable json;
  name     text collate "C";
  lowered  text collate "C";
  given    json;
  value    text collate "C";
  seen     text[] := '{}';
  total    int := 0;
begin
  if headers is null then
    return null;
  end if;
  if json_typeof(headers) <> 'object' then
    return 'they are not a JSON object of names to strings';
  end if;

  -- json holds escapes that text cannot (NUL, half a surrogate pair), and raises when they are read. All that is not
  -- ASCII is refused below, so it may as well be another control character. An escaped backslash is put aside as
  -- chr(1), which no json has as it is.
  readable := replace(
    regexp_replace(replace(headers::text, '\\', chr(1)), '\\u(0000|(?!00[0-7])[0-9a-fA-F]{4})', '\\u0001', 'g'),
    chr(1), '\\')::json;

  if exists (select from json_object_keys(readable) k where k collate "C" !~ '^[A-Za-z][A-Za-z0-9-]{0,63}$') then
    return 'a name is not a letter followed by at most 63 letters, digits or hyphens';
  end if;
  if (select count(*) > 32 from json_object_keys(readable)) then
    return 'there are more than 32 of them';
  end if;
  for name, given in select h.key, h.value from json_each(readable) h loop
    lowered := lower(name);
    if lowered = any (forbidden) or exists (select from unnest(prefixes) p where starts_with(lowered, p)) then
      return format('%s is set by the dispatcher, a proxy or a cloud', name);
    end if;
    if lowered = any (seen) then
      return format('%s is there twice; upper and lower case are the same', name);
    end if;
    seen := seen || lowered::text;
    if json_typeof(given) <> 'string' then
      return format('the value of %s is not a string', name);
    end if;
    value := given #>> '{}';
    if value !~ '^([!-~]([ -~]*[!-~])?)?$' then
      return format('the value of %s is not printable ASCII without spaces at its ends', name);
    end if;
    if length(value) > 4096 then
      return format('the value of %s is longer than 4096 characters', name);
    end if;
    total := total + length(name) + length(value);
  end loop;
  if total > 16384 then
    return 'names and values together are longer than 16384 characters';
  end if;
  return null;
end
$$;

-- Why an API key cannot be the value of a header, or null. Word for word what `refuse_api_key` in policy/headers.py says.
create function webhooks.refuse_api_key(api_key text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when api_key = '' then 'it is empty'
    when api_key collate "C" !~ '^[!-~]([ -~]*[!-~])?$' then 'it is not printable ASCII without spaces at its ends'
    when length(api_key) > 4096 then 'it is longer than 4096 characters'
  end
$$;
