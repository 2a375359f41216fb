-- What else is seen on a target: plans, catalogs, settings, activity. And what the upkeep of the history did.

create table explain_plans (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint not null references statements,
    shape_hash bigint not null,
    source text not null check (source in ('generic', 'literals')),
    captured_at timestamptz not null,
    last_seen_at timestamptz not null,
    total_cost double precision not null,
    plan jsonb not null,
    planned_text text,
    repairs text[] not null default '{}',
    dml_as_select boolean not null default false,
    primary key (target_id, database_name, query_hash, shape_hash, source)
);
create index explain_plans_newest on explain_plans (target_id, database_name, query_hash, last_seen_at desc);
comment on table explain_plans is 'Plans of statements, one row for each shape that was ever seen.';
comment on column explain_plans.target_id is 'The server.';
comment on column explain_plans.database_name is 'The database.';
comment on column explain_plans.query_hash is 'The statement.';
comment on column explain_plans.shape_hash is 'Names the plan''s shape: operators, relations, indexes, join types; not costs.';
comment on column explain_plans.source is 'generic: planned without parameter values; literals: with those of an example.';
comment on column explain_plans.captured_at is 'When the shape was first seen.';
comment on column explain_plans.last_seen_at is 'When it was last seen.';
comment on column explain_plans.total_cost is 'Planner cost when last seen.';
comment on column explain_plans.plan is 'EXPLAIN (FORMAT JSON), as last seen.';
comment on column explain_plans.planned_text is 'What was really planned, where it is not the statement itself.';
comment on column explain_plans.repairs is 'What had to be changed in the text to plan it.';
comment on column explain_plans.dml_as_select is 'Planned as the SELECT that finds the same rows, because the role may not modify.';

create table catalog_snapshots (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    taken_on date not null,
    taken_at timestamptz not null,
    content jsonb not null,
    primary key (target_id, database_name, taken_on)
);
comment on table catalog_snapshots is 'Relations, columns, statistics, indexes and their use, the newest of each day.';
comment on column catalog_snapshots.target_id is 'The server.';
comment on column catalog_snapshots.database_name is 'The database.';
comment on column catalog_snapshots.taken_on is 'Day in UTC.';
comment on column catalog_snapshots.taken_at is 'When it was read.';
comment on column catalog_snapshots.content is 'The catalog.';

create table settings_history (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    name text not null,
    changed_at timestamptz not null,
    value text not null,
    unit text not null default '',
    source text not null default '',
    primary key (target_id, database_name, name, changed_at)
);
create index settings_history_time on settings_history (target_id, changed_at);
comment on table settings_history is 'Values of the server''s settings; a row each time one was seen to differ.';
comment on column settings_history.target_id is 'The server.';
comment on column settings_history.database_name is 'The database it was read in; empty: server-wide.';
comment on column settings_history.name is 'Name of the setting.';
comment on column settings_history.changed_at is 'When the value was first seen.';
comment on column settings_history.value is 'The value as SHOW prints it.';
comment on column settings_history.unit is 'Unit of the setting.';
comment on column settings_history.source is 'Where the value comes from (pg_settings.source).';

create table activity_samples (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    sampled_at timestamptz not null,
    active integer not null,
    idle_in_transaction integer not null,
    waiting_for_lock integer not null,
    total integer not null,
    available_memory_percent double precision check (available_memory_percent between 0 and 100),
    longest_transaction_seconds double precision,
    lock_waits jsonb,
    primary key (target_id, database_name, sampled_at)
);
create index activity_samples_age on activity_samples using brin (sampled_at);
comment on table activity_samples is 'pg_stat_activity at moments, counted by database.';
comment on column activity_samples.target_id is 'The server.';
comment on column activity_samples.database_name is 'The database.';
comment on column activity_samples.sampled_at is 'When.';
comment on column activity_samples.active is 'Client backends running a statement.';
comment on column activity_samples.idle_in_transaction is 'Client backends idle in a transaction.';
comment on column activity_samples.waiting_for_lock is 'Client backends waiting for a lock.';
comment on column activity_samples.total is 'Client backends.';
comment on column activity_samples.available_memory_percent is 'Memory available on the server''s machine; null where it cannot be seen.';
comment on column activity_samples.longest_transaction_seconds is 'Age of the oldest open transaction.';
comment on column activity_samples.lock_waits is 'Statements seen waiting for a lock: [{"query_hash", "backends"}].';

create table maintenance_events (
    event_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    event text not null,
    detail text not null
);
comment on table maintenance_events is 'What the upkeep of the history did that someone may ask about later.';
comment on column maintenance_events.event_id is 'Order of entry.';
comment on column maintenance_events.at is 'When.';
comment on column maintenance_events.event is 'dropped (by age) or thinned (disk budget).';
comment on column maintenance_events.detail is 'One sentence.';
