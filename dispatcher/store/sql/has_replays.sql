-- Whether the schema knows replays that go on slice by slice.

select to_regclass('webhooks.replays') is not null
