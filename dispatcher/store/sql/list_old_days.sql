-- The partitions past their time, and why one has to stay nevertheless. Events first: their fan-outs go after them.
--
-- $1  events_days    float8
-- $2  attempts_days  float8

select d.child,
       case when d.parent <> 'fanouts' then webhooks.why_needed(d.child)
            when to_regclass('webhooks.events_' || right(d.child, 8)) is not null
                 and webhooks.why_needed('events_' || right(d.child, 8)) is not null then 'its events are kept' end as why
  from webhooks.made_days() d
 where (d.day + 1)::timestamp at time zone 'UTC'
       <= now() - case d.parent when 'attempts' then $2::float8 else $1::float8 end * interval '1 day'
 order by array_position(array['events', 'fanouts', 'attempts'], d.parent), d.day
