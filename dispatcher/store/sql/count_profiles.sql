-- Which profiles endpoints name, and how many do.

select e.profile, count(*)::int as endpoints from webhooks.endpoints e where e.profile is not null group by e.profile
