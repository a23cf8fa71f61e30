-- Who holds the work, and whose copy of the database this is. The lock says who may; this row says who did, and fences.
-- works with: 0007

create table webhooks.holder (
  is_one       boolean primary key default true,
  epoch        bigint not null default 0,
  installation text,
  dispatcher   text,
  version      text,
  since        timestamptz,
  left_at      timestamptz,
  events_days  float8,

  constraint there_is_one_row check (is_one),
  constraint installation_is_1_to_64_characters check (length(installation) between 1 and 64)
);

comment on column webhooks.holder.epoch is
  'moves whenever the work is taken: fan-out and refill name theirs, and find nothing under another''s';
comment on column webhooks.holder.left_at is
  'when the last holder left in order; null while one holds the work, and after one that died or was cut off';
comment on column webhooks.holder.events_days is
  'retention.events_days of the last holder: an event dated earlier is refused';

insert into webhooks.holder default values;

-- The lowest migration a dispatcher must know to go on working once this one is applied: an upgrade needs no stop.
alter table webhooks.migrations add column works_with int;
