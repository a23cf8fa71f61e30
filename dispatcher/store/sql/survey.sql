-- For the named endpoints: when the earliest open delivery is due; no row where there is none.
--
-- $1  endpoints  int8[]

select w.endpoint_id, extract(epoch from n.due_at - now())::float8 as due_in_s
  from unnest($1::bigint[]) w (endpoint_id)
 cross join lateral (
   select d.due_at from webhooks.deliveries d
    where d.endpoint_id = w.endpoint_id and not d.test
    order by d.endpoint_id, d.due_at, d.id
    limit 1
   ) n
