-- How many endpoints there are in each state.

select e.state, count(*)::int as endpoints from webhooks.endpoints e group by e.state
