-- Whether the schema has what drops and moves days: it came with 0008, and a dispatcher works before that, too.

select to_regprocedure('webhooks.drop_day(text)') is not null
