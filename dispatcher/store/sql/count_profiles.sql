-- Which profiles endpoints name (null: the default), and how many do.

select e.profile, count(*)::int as endpoints from webhooks.endpoints e group by e.profile
