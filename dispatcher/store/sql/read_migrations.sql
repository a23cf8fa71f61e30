-- The migrations this database has had.

-- By way of JSON, since the last column came with 0007.
select m.number, m.name, m.checksum, (to_jsonb(m) ->> 'works_with')::int as works_with
  from webhooks.migrations m
 order by m.number
