-- What each filter says of some data, as the fan-out would hear it; fails as a whole where one of them does.
--
-- $1  data     text
-- $2  filters  text[]

-- Fenced: the data is read once, not for each filter.
with given as materialized (select $1::text::json::jsonb as data)
select f.filter, coalesce(g.data @@ f.filter::jsonpath, false) as passes
  from unnest($2::text[]) f (filter), given g
