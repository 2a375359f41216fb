-- The history: counters of statements in three resolutions, and what stands beside them.
--
-- A row of a statement in an interval is kept small: a counter of 0 is stored as null, and `absent` has a bit for each
-- counter that the server's extension does not have, so that 0 and "unknown" stay apart. Wide columns first, no padding.
-- metrics_pg_stats_query puts it all together again.

create table history_levels (
    level text primary key check (level in ('raw', '10 minutes', '1 hour')),
    bucket interval not null,
    kept_from timestamptz not null,
    rolled_up_to timestamptz not null
);
comment on table history_levels is 'The resolutions of the history and what each of them covers.';
comment on column history_levels.level is 'raw: as collected; 10 minutes and 1 hour: sums.';
comment on column history_levels.bucket is 'Length of a bucket; 0 for raw.';
comment on column history_levels.kept_from is 'From here on nothing is missing at this level; what is older was thinned.';
comment on column history_levels.rolled_up_to is 'Up to here this level holds the sums of the finer one; later data of that time is added to it directly.';
insert into history_levels (level, bucket, kept_from, rolled_up_to)
select v.level, v.bucket,
       date_trunc('day', now() - v.kept, 'UTC'),
       case when v.level = 'raw' then 'infinity' else date_trunc('hour', now(), 'UTC') end
from (values ('raw', interval '0', interval '48 hours'),
             ('10 minutes', interval '10 minutes', interval '35 days'),
             ('1 hour', interval '1 hour', interval '400 days')) as v (level, bucket, kept);

create table collection_intervals (
    target_id integer not null references targets on delete cascade,
    begins timestamptz not null,
    ends timestamptz not null check (ends > begins),
    ingested_at timestamptz not null default now(),
    statement_rows integer not null default 0,
    hidden_calls bigint not null default 0,
    evicted_entries bigint not null default 0,
    counters_reset boolean not null default false,
    primary key (target_id, begins)
);
create index collection_intervals_age on collection_intervals (begins);
comment on table collection_intervals is 'Intervals that were collected. What is in here is never counted twice.';
comment on column collection_intervals.target_id is 'The server.';
comment on column collection_intervals.begins is 'First reading.';
comment on column collection_intervals.ends is 'Second reading.';
comment on column collection_intervals.ingested_at is 'When it was stored.';
comment on column collection_intervals.statement_rows is 'Statements that ran in it.';
comment on column collection_intervals.hidden_calls is 'Calls of statements whose text or queryid the role may not see.';
comment on column collection_intervals.evicted_entries is 'Entries that pg_stat_statements evicted meanwhile.';
comment on column collection_intervals.counters_reset is 'The interval begins at a reset or restart of the counters.';

create table observed_hours (
    target_id integer not null references targets on delete cascade,
    hour timestamptz not null,
    observed_seconds double precision not null,
    primary key (target_id, hour)
);
comment on table observed_hours is 'How much of each hour was observed: gaps are gaps, not idle time.';
comment on column observed_hours.target_id is 'The server.';
comment on column observed_hours.hour is 'Begin of the hour.';
comment on column observed_hours.observed_seconds is 'Length of the intervals that begin in it, together.';

create table metrics_raw (
    begins timestamptz not null,
    target_id integer not null,
    statement_id integer not null,
    absent integer not null,
    length_ms integer not null,
    calls bigint,
    total_exec_time_ms double precision,
    rows bigint,
    sum_squared_deviation_ms2 double precision,
    shared_blks_hit bigint,
    shared_blks_read bigint,
    shared_blks_dirtied bigint,
    shared_blks_written bigint,
    local_blks_hit bigint,
    local_blks_read bigint,
    local_blks_dirtied bigint,
    local_blks_written bigint,
    temp_blks_read bigint,
    temp_blks_written bigint,
    plans bigint,
    total_plan_time_ms double precision,
    shared_blk_read_time_ms double precision,
    shared_blk_write_time_ms double precision,
    local_blk_read_time_ms double precision,
    local_blk_write_time_ms double precision,
    temp_blk_read_time_ms double precision,
    temp_blk_write_time_ms double precision,
    wal_records bigint,
    wal_fpi bigint,
    wal_bytes double precision,
    wal_buffers_full bigint,
    jit_functions bigint,
    jit_generation_time_ms double precision,
    jit_inlining_count bigint,
    jit_inlining_time_ms double precision,
    jit_optimization_count bigint,
    jit_optimization_time_ms double precision,
    jit_emission_count bigint,
    jit_emission_time_ms double precision,
    jit_deform_count bigint,
    jit_deform_time_ms double precision,
    parallel_workers_to_launch bigint,
    parallel_workers_launched bigint,
    primary key (target_id, statement_id, begins)
) partition by range (begins);
create index metrics_raw_begins on metrics_raw using brin (begins) with (pages_per_range = 32);
comment on table metrics_raw is 'Counters of statements: one row per statement and interval as collected. Read it through metrics_pg_stats_query.';
comment on column metrics_raw.begins is 'Begin of the interval.';
comment on column metrics_raw.target_id is 'The server.';
comment on column metrics_raw.statement_id is 'The statement (statement_keys).';
comment on column metrics_raw.absent is 'Bits of the counters that are unknown here; a null counter without its bit is 0.';
comment on column metrics_raw.length_ms is 'Length of the interval in milliseconds.';

create table metrics_10_minutes (
    begins timestamptz not null,
    target_id integer not null,
    statement_id integer not null,
    absent integer not null,
    active_from_s smallint not null,
    active_to_s smallint not null,
    calls bigint,
    total_exec_time_ms double precision,
    rows bigint,
    sum_squared_deviation_ms2 double precision,
    shared_blks_hit bigint,
    shared_blks_read bigint,
    shared_blks_dirtied bigint,
    shared_blks_written bigint,
    local_blks_hit bigint,
    local_blks_read bigint,
    local_blks_dirtied bigint,
    local_blks_written bigint,
    temp_blks_read bigint,
    temp_blks_written bigint,
    plans bigint,
    total_plan_time_ms double precision,
    shared_blk_read_time_ms double precision,
    shared_blk_write_time_ms double precision,
    local_blk_read_time_ms double precision,
    local_blk_write_time_ms double precision,
    temp_blk_read_time_ms double precision,
    temp_blk_write_time_ms double precision,
    wal_records bigint,
    wal_fpi bigint,
    wal_bytes double precision,
    wal_buffers_full bigint,
    jit_functions bigint,
    jit_generation_time_ms double precision,
    jit_inlining_count bigint,
    jit_inlining_time_ms double precision,
    jit_optimization_count bigint,
    jit_optimization_time_ms double precision,
    jit_emission_count bigint,
    jit_emission_time_ms double precision,
    jit_deform_count bigint,
    jit_deform_time_ms double precision,
    parallel_workers_to_launch bigint,
    parallel_workers_launched bigint,
    peak_calls_per_minute double precision not null,
    primary key (target_id, statement_id, begins)
) partition by range (begins);
create index metrics_10_minutes_begins on metrics_10_minutes using brin (begins) with (pages_per_range = 32);
comment on table metrics_10_minutes is 'Counters of statements: sums over 10 minutes. Read it through metrics_pg_stats_query.';
comment on column metrics_10_minutes.begins is 'Begin of the interval.';
comment on column metrics_10_minutes.target_id is 'The server.';
comment on column metrics_10_minutes.statement_id is 'The statement (statement_keys).';
comment on column metrics_10_minutes.absent is 'Bits of the counters that are unknown here; a null counter without its bit is 0.';
comment on column metrics_10_minutes.active_from_s is 'Seconds from the begin to the first interval in which the statement ran.';
comment on column metrics_10_minutes.active_to_s is 'Seconds from the begin to the end of the last interval in which it ran.';
comment on column metrics_10_minutes.peak_calls_per_minute is 'Calls per minute of the busiest interval.';

create table metrics_hours (
    begins timestamptz not null,
    target_id integer not null,
    statement_id integer not null,
    absent integer not null,
    active_from_s smallint not null,
    active_to_s smallint not null,
    calls bigint,
    total_exec_time_ms double precision,
    rows bigint,
    sum_squared_deviation_ms2 double precision,
    shared_blks_hit bigint,
    shared_blks_read bigint,
    shared_blks_dirtied bigint,
    shared_blks_written bigint,
    local_blks_hit bigint,
    local_blks_read bigint,
    local_blks_dirtied bigint,
    local_blks_written bigint,
    temp_blks_read bigint,
    temp_blks_written bigint,
    plans bigint,
    total_plan_time_ms double precision,
    shared_blk_read_time_ms double precision,
    shared_blk_write_time_ms double precision,
    local_blk_read_time_ms double precision,
    local_blk_write_time_ms double precision,
    temp_blk_read_time_ms double precision,
    temp_blk_write_time_ms double precision,
    wal_records bigint,
    wal_fpi bigint,
    wal_bytes double precision,
    wal_buffers_full bigint,
    jit_functions bigint,
    jit_generation_time_ms double precision,
    jit_inlining_count bigint,
    jit_inlining_time_ms double precision,
    jit_optimization_count bigint,
    jit_optimization_time_ms double precision,
    jit_emission_count bigint,
    jit_emission_time_ms double precision,
    jit_deform_count bigint,
    jit_deform_time_ms double precision,
    parallel_workers_to_launch bigint,
    parallel_workers_launched bigint,
    peak_calls_per_minute double precision not null,
    primary key (target_id, statement_id, begins)
) partition by range (begins);
create index metrics_hours_begins on metrics_hours using brin (begins) with (pages_per_range = 32);
comment on table metrics_hours is 'Counters of statements: sums over an hour. Read it through metrics_pg_stats_query.';
comment on column metrics_hours.begins is 'Begin of the interval.';
comment on column metrics_hours.target_id is 'The server.';
comment on column metrics_hours.statement_id is 'The statement (statement_keys).';
comment on column metrics_hours.absent is 'Bits of the counters that are unknown here; a null counter without its bit is 0.';
comment on column metrics_hours.active_from_s is 'Seconds from the begin to the first interval in which the statement ran.';
comment on column metrics_hours.active_to_s is 'Seconds from the begin to the end of the last interval in which it ran.';
comment on column metrics_hours.peak_calls_per_minute is 'Calls per minute of the busiest interval.';

-- The counters have the same meaning in all three.
do $$
declare
    history_table text;
    counter record;
begin
    foreach history_table in array array['metrics_raw', 'metrics_10_minutes', 'metrics_hours'] loop
        for counter in
            select * from (values
                ('calls', 'Executions'),
                ('total_exec_time_ms', 'Milliseconds spent executing'),
                ('rows', 'Rows returned or affected'),
                ('sum_squared_deviation_ms2', 'Sum over the executions of (time - mean time) squared, in square milliseconds'),
                ('shared_blks_hit', 'Shared blocks of 8 kB found in cache'),
                ('shared_blks_read', 'Shared blocks of 8 kB read'),
                ('shared_blks_dirtied', 'Shared blocks of 8 kB dirtied'),
                ('shared_blks_written', 'Shared blocks of 8 kB written'),
                ('local_blks_hit', 'Local blocks of 8 kB found in cache'),
                ('local_blks_read', 'Local blocks of 8 kB read'),
                ('local_blks_dirtied', 'Local blocks of 8 kB dirtied'),
                ('local_blks_written', 'Local blocks of 8 kB written'),
                ('temp_blks_read', 'Temporary blocks of 8 kB read'),
                ('temp_blks_written', 'Temporary blocks of 8 kB written'),
                ('plans', 'Times the statement was planned (pg_stat_statements.track_planning)'),
                ('total_plan_time_ms', 'Milliseconds spent planning'),
                ('shared_blk_read_time_ms', 'Milliseconds reading shared blocks (track_io_timing)'),
                ('shared_blk_write_time_ms', 'Milliseconds writing shared blocks (track_io_timing)'),
                ('local_blk_read_time_ms', 'Milliseconds reading local blocks (track_io_timing)'),
                ('local_blk_write_time_ms', 'Milliseconds writing local blocks (track_io_timing)'),
                ('temp_blk_read_time_ms', 'Milliseconds reading temporary blocks (track_io_timing)'),
                ('temp_blk_write_time_ms', 'Milliseconds writing temporary blocks (track_io_timing)'),
                ('wal_records', 'WAL records'),
                ('wal_fpi', 'WAL full-page images'),
                ('wal_bytes', 'WAL bytes'),
                ('wal_buffers_full', 'Times the WAL buffers were full'),
                ('jit_functions', 'Functions compiled by JIT'),
                ('jit_generation_time_ms', 'Milliseconds of JIT code generation'),
                ('jit_inlining_count', 'Times JIT inlining was done'),
                ('jit_inlining_time_ms', 'Milliseconds of JIT inlining'),
                ('jit_optimization_count', 'Times JIT optimisation was done'),
                ('jit_optimization_time_ms', 'Milliseconds of JIT optimisation'),
                ('jit_emission_count', 'Times JIT emission was done'),
                ('jit_emission_time_ms', 'Milliseconds of JIT emission'),
                ('jit_deform_count', 'Times JIT tuple deforming was done'),
                ('jit_deform_time_ms', 'Milliseconds of JIT tuple deforming'),
                ('parallel_workers_to_launch', 'Parallel workers planned'),
                ('parallel_workers_launched', 'Parallel workers launched')
            ) as counters (name, meaning)
        loop
            execute format('comment on column %I.%I is %L', history_table, counter.name, counter.meaning || '.');
        end loop;
    end loop;
end
$$;

create view metrics_pg_stats_query as
select m.target_id, k.database_name, k.user_name, k.query_hash, k.queryid, k.toplevel,
       m.begins, m.begins + m.length_ms * interval '1 millisecond' as ends, m.resolution,
       coalesce(m.calls, 0) as calls,
       coalesce(m.total_exec_time_ms, 0) as total_exec_time_ms,
       coalesce(m.rows, 0) as rows,
       coalesce(m.shared_blks_hit, 0) as shared_blks_hit,
       coalesce(m.shared_blks_read, 0) as shared_blks_read,
       coalesce(m.shared_blks_dirtied, 0) as shared_blks_dirtied,
       coalesce(m.shared_blks_written, 0) as shared_blks_written,
       coalesce(m.local_blks_hit, 0) as local_blks_hit,
       coalesce(m.local_blks_read, 0) as local_blks_read,
       coalesce(m.local_blks_dirtied, 0) as local_blks_dirtied,
       coalesce(m.local_blks_written, 0) as local_blks_written,
       coalesce(m.temp_blks_read, 0) as temp_blks_read,
       coalesce(m.temp_blks_written, 0) as temp_blks_written,
       case when m.absent & 1 = 0 then coalesce(m.plans, 0) end as plans,
       case when m.absent & 2 = 0 then coalesce(m.total_plan_time_ms, 0) end as total_plan_time_ms,
       case when m.absent & 4 = 0 then coalesce(m.shared_blk_read_time_ms, 0) end as shared_blk_read_time_ms,
       case when m.absent & 8 = 0 then coalesce(m.shared_blk_write_time_ms, 0) end as shared_blk_write_time_ms,
       case when m.absent & 16 = 0 then coalesce(m.local_blk_read_time_ms, 0) end as local_blk_read_time_ms,
       case when m.absent & 32 = 0 then coalesce(m.local_blk_write_time_ms, 0) end as local_blk_write_time_ms,
       case when m.absent & 64 = 0 then coalesce(m.temp_blk_read_time_ms, 0) end as temp_blk_read_time_ms,
       case when m.absent & 128 = 0 then coalesce(m.temp_blk_write_time_ms, 0) end as temp_blk_write_time_ms,
       case when m.absent & 256 = 0 then coalesce(m.wal_records, 0) end as wal_records,
       case when m.absent & 512 = 0 then coalesce(m.wal_fpi, 0) end as wal_fpi,
       case when m.absent & 1024 = 0 then coalesce(m.wal_bytes, 0) end as wal_bytes,
       case when m.absent & 2048 = 0 then coalesce(m.wal_buffers_full, 0) end as wal_buffers_full,
       case when m.absent & 4096 = 0 then coalesce(m.jit_functions, 0) end as jit_functions,
       case when m.absent & 8192 = 0 then coalesce(m.jit_generation_time_ms, 0) end as jit_generation_time_ms,
       case when m.absent & 16384 = 0 then coalesce(m.jit_inlining_count, 0) end as jit_inlining_count,
       case when m.absent & 32768 = 0 then coalesce(m.jit_inlining_time_ms, 0) end as jit_inlining_time_ms,
       case when m.absent & 65536 = 0 then coalesce(m.jit_optimization_count, 0) end as jit_optimization_count,
       case when m.absent & 131072 = 0 then coalesce(m.jit_optimization_time_ms, 0) end as jit_optimization_time_ms,
       case when m.absent & 262144 = 0 then coalesce(m.jit_emission_count, 0) end as jit_emission_count,
       case when m.absent & 524288 = 0 then coalesce(m.jit_emission_time_ms, 0) end as jit_emission_time_ms,
       case when m.absent & 1048576 = 0 then coalesce(m.jit_deform_count, 0) end as jit_deform_count,
       case when m.absent & 2097152 = 0 then coalesce(m.jit_deform_time_ms, 0) end as jit_deform_time_ms,
       case when m.absent & 4194304 = 0 then coalesce(m.parallel_workers_to_launch, 0) end as parallel_workers_to_launch,
       case when m.absent & 8388608 = 0 then coalesce(m.parallel_workers_launched, 0) end as parallel_workers_launched,
       m.total_exec_time_ms / nullif(m.calls, 0) as mean_exec_time_ms,
       case when m.absent & 16777216 = 0 then sqrt(coalesce(m.sum_squared_deviation_ms2, 0) / nullif(m.calls, 0)) end
           as stddev_exec_time_ms
from (
    select begins, target_id, statement_id, absent, 'raw'::text as resolution, length_ms as length_ms,
           calls, total_exec_time_ms, rows, sum_squared_deviation_ms2,
           shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written, local_blks_hit, local_blks_read, local_blks_dirtied, local_blks_written, temp_blks_read, temp_blks_written,
           plans, total_plan_time_ms, shared_blk_read_time_ms, shared_blk_write_time_ms, local_blk_read_time_ms, local_blk_write_time_ms, temp_blk_read_time_ms, temp_blk_write_time_ms,
           wal_records, wal_fpi, wal_bytes, wal_buffers_full, jit_functions, jit_generation_time_ms, jit_inlining_count, jit_inlining_time_ms,
           jit_optimization_count, jit_optimization_time_ms, jit_emission_count, jit_emission_time_ms, jit_deform_count, jit_deform_time_ms, parallel_workers_to_launch, parallel_workers_launched
    from metrics_raw
    where begins >= (select kept_from from history_levels where level = 'raw')
    union all
    select begins, target_id, statement_id, absent, '10 minutes', 600000 as length_ms,
           calls, total_exec_time_ms, rows, sum_squared_deviation_ms2,
           shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written, local_blks_hit, local_blks_read, local_blks_dirtied, local_blks_written, temp_blks_read, temp_blks_written,
           plans, total_plan_time_ms, shared_blk_read_time_ms, shared_blk_write_time_ms, local_blk_read_time_ms, local_blk_write_time_ms, temp_blk_read_time_ms, temp_blk_write_time_ms,
           wal_records, wal_fpi, wal_bytes, wal_buffers_full, jit_functions, jit_generation_time_ms, jit_inlining_count, jit_inlining_time_ms,
           jit_optimization_count, jit_optimization_time_ms, jit_emission_count, jit_emission_time_ms, jit_deform_count, jit_deform_time_ms, parallel_workers_to_launch, parallel_workers_launched
    from metrics_10_minutes
    where begins >= (select kept_from from history_levels where level = '10 minutes')
      and begins < (select kept_from from history_levels where level = 'raw')
    union all
    select begins, target_id, statement_id, absent, '1 hour', 3600000 as length_ms,
           calls, total_exec_time_ms, rows, sum_squared_deviation_ms2,
           shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written, local_blks_hit, local_blks_read, local_blks_dirtied, local_blks_written, temp_blks_read, temp_blks_written,
           plans, total_plan_time_ms, shared_blk_read_time_ms, shared_blk_write_time_ms, local_blk_read_time_ms, local_blk_write_time_ms, temp_blk_read_time_ms, temp_blk_write_time_ms,
           wal_records, wal_fpi, wal_bytes, wal_buffers_full, jit_functions, jit_generation_time_ms, jit_inlining_count, jit_inlining_time_ms,
           jit_optimization_count, jit_optimization_time_ms, jit_emission_count, jit_emission_time_ms, jit_deform_count, jit_deform_time_ms, parallel_workers_to_launch, parallel_workers_launched
    from metrics_hours
    where begins >= (select kept_from from history_levels where level = '1 hour')
      and begins < (select kept_from from history_levels where level = '10 minutes')
) as m
join statement_keys as k on k.target_id = m.target_id and k.statement_id = m.statement_id;
comment on view metrics_pg_stats_query is 'What each statement did in each interval, at the finest resolution kept for that time; no interval appears twice.';
comment on column metrics_pg_stats_query.target_id is 'The server.';
comment on column metrics_pg_stats_query.database_name is 'The database.';
comment on column metrics_pg_stats_query.user_name is 'The user; empty where unknown.';
comment on column metrics_pg_stats_query.query_hash is 'The statement''s text (statements).';
comment on column metrics_pg_stats_query.queryid is 'pg_stat_statements.queryid of that server.';
comment on column metrics_pg_stats_query.toplevel is 'Whether it was run by a client rather than inside a function.';
comment on column metrics_pg_stats_query.begins is 'Begin of the interval.';
comment on column metrics_pg_stats_query.ends is 'End of the interval.';
comment on column metrics_pg_stats_query.resolution is 'raw, 10 minutes or 1 hour.';
comment on column metrics_pg_stats_query.mean_exec_time_ms is 'Mean milliseconds of one execution.';
comment on column metrics_pg_stats_query.stddev_exec_time_ms is 'Standard deviation of one execution''s milliseconds; null where unknown.';

comment on column metrics_pg_stats_query.calls is 'Executions.';
comment on column metrics_pg_stats_query.total_exec_time_ms is 'Milliseconds spent executing.';
comment on column metrics_pg_stats_query.rows is 'Rows returned or affected.';
comment on column metrics_pg_stats_query.shared_blks_hit is 'Shared blocks of 8 kB found in cache.';
comment on column metrics_pg_stats_query.shared_blks_read is 'Shared blocks of 8 kB read.';
comment on column metrics_pg_stats_query.shared_blks_dirtied is 'Shared blocks of 8 kB dirtied.';
comment on column metrics_pg_stats_query.shared_blks_written is 'Shared blocks of 8 kB written.';
comment on column metrics_pg_stats_query.local_blks_hit is 'Local blocks of 8 kB found in cache.';
comment on column metrics_pg_stats_query.local_blks_read is 'Local blocks of 8 kB read.';
comment on column metrics_pg_stats_query.local_blks_dirtied is 'Local blocks of 8 kB dirtied.';
comment on column metrics_pg_stats_query.local_blks_written is 'Local blocks of 8 kB written.';
comment on column metrics_pg_stats_query.temp_blks_read is 'Temporary blocks of 8 kB read.';
comment on column metrics_pg_stats_query.temp_blks_written is 'Temporary blocks of 8 kB written.';
comment on column metrics_pg_stats_query.plans is 'Times the statement was planned (pg_stat_statements.track_planning); null where the server does not tell.';
comment on column metrics_pg_stats_query.total_plan_time_ms is 'Milliseconds spent planning; null where the server does not tell.';
comment on column metrics_pg_stats_query.shared_blk_read_time_ms is 'Milliseconds reading shared blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.shared_blk_write_time_ms is 'Milliseconds writing shared blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.local_blk_read_time_ms is 'Milliseconds reading local blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.local_blk_write_time_ms is 'Milliseconds writing local blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.temp_blk_read_time_ms is 'Milliseconds reading temporary blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.temp_blk_write_time_ms is 'Milliseconds writing temporary blocks (track_io_timing); null where the server does not tell.';
comment on column metrics_pg_stats_query.wal_records is 'WAL records; null where the server does not tell.';
comment on column metrics_pg_stats_query.wal_fpi is 'WAL full-page images; null where the server does not tell.';
comment on column metrics_pg_stats_query.wal_bytes is 'WAL bytes; null where the server does not tell.';
comment on column metrics_pg_stats_query.wal_buffers_full is 'Times the WAL buffers were full; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_functions is 'Functions compiled by JIT; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_generation_time_ms is 'Milliseconds of JIT code generation; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_inlining_count is 'Times JIT inlining was done; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_inlining_time_ms is 'Milliseconds of JIT inlining; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_optimization_count is 'Times JIT optimisation was done; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_optimization_time_ms is 'Milliseconds of JIT optimisation; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_emission_count is 'Times JIT emission was done; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_emission_time_ms is 'Milliseconds of JIT emission; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_deform_count is 'Times JIT tuple deforming was done; null where the server does not tell.';
comment on column metrics_pg_stats_query.jit_deform_time_ms is 'Milliseconds of JIT tuple deforming; null where the server does not tell.';
comment on column metrics_pg_stats_query.parallel_workers_to_launch is 'Parallel workers planned; null where the server does not tell.';
comment on column metrics_pg_stats_query.parallel_workers_launched is 'Parallel workers launched; null where the server does not tell.';
