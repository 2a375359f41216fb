-- What a setting did when it was tried on a statement, so that the next analysis does not advise again what was seen not
-- to help; and every place where a setting that is advised can be set, with what undoes it there.

create table setting_measurements (
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint not null,
    setting text not null,
    current_value text not null,
    tried_value text not null,
    plan_shape bigint not null,
    temp_blocks double precision not null check (temp_blocks >= 0),
    spill_removed boolean not null,
    helped boolean not null,
    gain_percent double precision not null,
    facts jsonb not null default '[]',
    measured_at timestamptz not null default now(),
    primary key (target_id, database_name, query_hash, setting)
);
comment on table setting_measurements is 'The newest measured run of a statement with a setting that was advised and without.';
comment on column setting_measurements.target_id is 'The server.';
comment on column setting_measurements.database_name is 'The database.';
comment on column setting_measurements.query_hash is 'The statement.';
comment on column setting_measurements.setting is 'The setting''s name, as the server knows it.';
comment on column setting_measurements.current_value is 'Its value without the advice.';
comment on column setting_measurements.tried_value is 'Its value in the runs with it.';
comment on column setting_measurements.plan_shape is 'Hash of the shape of the plan without it; another shape ends what was measured.';
comment on column setting_measurements.temp_blocks is 'Temporary blocks that a call wrote then; far more or less ends what was measured.';
comment on column setting_measurements.spill_removed is 'Whether the runs with it wrote no temporary file.';
comment on column setting_measurements.helped is 'Whether it saved enough time to be worth setting.';
comment on column setting_measurements.gain_percent is 'Share of the time that it saved; negative where it took more.';
comment on column setting_measurements.facts is 'What was seen, one sentence each.';
comment on column setting_measurements.measured_at is 'When it was measured.';

alter table parameter_tuning_suggestions add column scopes jsonb not null default '[]';
comment on column parameter_tuning_suggestions.scopes is 'Where a setting can be set, narrowest first: scope, statement, inverse.';
