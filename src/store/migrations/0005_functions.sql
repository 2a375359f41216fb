-- The functions of the interface, the queue, the partitions, and who may use what.
--
-- What writes is SECURITY DEFINER with a pinned search_path and granted to pganalytics_operator.

create function calculate_urgency_score(calls_per_minute double precision, mean_exec_time_ms double precision)
returns double precision
language sql immutable strict parallel safe
as 'select calls_per_minute * mean_exec_time_ms / 1000';
comment on function calculate_urgency_score is 'Database seconds spent on a query per minute: calls_per_minute x mean_exec_time_ms / 1000.';

create function calculate_roi_score(confidence double precision, improvement_percent double precision, urgency_score double precision)
returns double precision
language sql immutable strict parallel safe
as 'select confidence * improvement_percent * urgency_score';
comment on function calculate_roi_score is 'Return on investment: confidence x improvement_percent x urgency_score.';

create function get_top_recommendations(max_rows integer default 20, min_impact double precision default 5.0)
returns setof v_top_optimization_recommendations
language sql stable
set search_path = pganalytics, pg_temp
as $$
    select *
    from v_top_optimization_recommendations
    where estimated_improvement_percent >= min_impact
    order by roi_score desc, id
    limit greatest(max_rows, 0)
$$;
comment on function get_top_recommendations is 'Open recommendations of at least min_impact percent, highest return on investment first.';

create function enqueue_job(job_kind text, job_payload jsonb default '{}', job_target integer default null,
                            job_unique_key text default null, job_not_before timestamptz default null,
                            job_max_attempts integer default 3, job_priority integer default 0)
returns bigint
language plpgsql security definer
set search_path = pganalytics, pg_temp
as $$
declare
    queued bigint;
begin
    -- Two rounds: the job that held the key may end between the insert and the look.
    for round in 1..10 loop
        insert into jobs (kind, payload, target_id, unique_key, not_before, max_attempts, priority)
        values (job_kind, job_payload, job_target, job_unique_key, coalesce(job_not_before, now()), job_max_attempts, job_priority)
        on conflict (kind, unique_key) where status in ('pending', 'running') do nothing
        returning job_id into queued;
        if queued is not null then
            perform pg_notify('pganalytics_jobs', job_kind);
            return queued;
        end if;
        select job_id into queued
        from jobs
        where kind = job_kind and unique_key = job_unique_key and status in ('pending', 'running');
        if queued is not null then
            return queued;
        end if;
    end loop;
    raise exception 'job % with key % could not be queued', job_kind, job_unique_key using errcode = 'lock_not_available';
end
$$;
comment on function enqueue_job is 'Queues work and notifies channel pganalytics_jobs; gives the job that is already queued under the same unique key.';

create function detect_workload_patterns(database_name text, lookback_days integer default 30, target_id integer default null)
returns table (pattern_id bigint, pattern_type text, confidence double precision)
language plpgsql security definer
set search_path = pganalytics, pg_temp
as $$
#variable_conflict use_column
declare
    asked_database constant text := detect_workload_patterns.database_name;
    asked_target constant integer := detect_workload_patterns.target_id;
    days integer := detect_workload_patterns.lookback_days;
begin
    if days < 7 then
        raise exception 'lookback_days is %, at least 7 are needed', days
            using errcode = 'invalid_parameter_value', hint = 'Give 7 to 365 days.';
    elsif days > 365 then
        raise notice 'lookback_days is capped to 365';
        days := 365;
    end if;
    perform enqueue_job('detect_workload_patterns',
                        jsonb_build_object('database_name', asked_database, 'lookback_days', days, 'target_id', asked_target),
                        asked_target, format('%s/%s/%s', asked_target, asked_database, days));
    return query
        select p.id, p.pattern_type, (p.pattern_metadata ->> 'confidence')::double precision
        from workload_patterns as p
        where p.database_name = asked_database
          and (asked_target is null or p.target_id = asked_target)
          and not p.is_stale
        order by p.detection_timestamp desc, p.id desc;
end
$$;
comment on function detect_workload_patterns is 'Queues a detection and returns the patterns stored so far.';

create function generate_rewrite_suggestions(query_hash bigint, target_id integer default null, database_name text default null)
returns table (suggestion_id bigint, suggestion_type text, confidence double precision)
language plpgsql security definer
set search_path = pganalytics, pg_temp
as $$
#variable_conflict use_column
declare
    asked_hash constant bigint := generate_rewrite_suggestions.query_hash;
    asked_target constant integer := generate_rewrite_suggestions.target_id;
    asked_database constant text := generate_rewrite_suggestions.database_name;
begin
    perform enqueue_job('generate_rewrite_suggestions',
                        jsonb_build_object('query_hash', asked_hash, 'target_id', asked_target, 'database_name', asked_database),
                        asked_target, format('%s/%s/%s', asked_hash, asked_target, asked_database));
    return query
        select s.id, s.suggestion_type, s.confidence_score
        from query_rewrite_suggestions as s
        where s.query_hash = asked_hash
          and (asked_target is null or s.target_id = asked_target)
          and (asked_database is null or s.database_name = asked_database)
          and not s.is_stale
        order by s.confidence_score desc, s.id;
end
$$;
comment on function generate_rewrite_suggestions is 'Queues an analysis of the statement and returns its suggestions stored so far, best confidence first.';

create function optimize_parameters(query_hash bigint, target_id integer default null, database_name text default null)
returns table (suggestion_count bigint, parameter_types text[])
language plpgsql security definer
set search_path = pganalytics, pg_temp
as $$
#variable_conflict use_column
declare
    asked_hash constant bigint := optimize_parameters.query_hash;
    asked_target constant integer := optimize_parameters.target_id;
    asked_database constant text := optimize_parameters.database_name;
begin
    perform enqueue_job('optimize_parameters',
                        jsonb_build_object('query_hash', asked_hash, 'target_id', asked_target, 'database_name', asked_database),
                        asked_target, format('%s/%s/%s', asked_hash, asked_target, asked_database));
    return query
        select count(*), coalesce(array_agg(distinct s.parameter_name order by s.parameter_name), '{}')
        from parameter_tuning_suggestions as s
        where s.query_hash = asked_hash
          and (asked_target is null or s.target_id = asked_target)
          and (asked_database is null or s.database_name = asked_database)
          and not s.is_stale;
end
$$;
comment on function optimize_parameters is 'Queues an analysis of the statement''s parameters and returns what is stored so far.';

create function aggregate_recommendations_for_query(query_hash bigint, target_id integer default null, database_name text default null)
returns table (recommendation_count bigint, source_types text[])
language plpgsql security definer
set search_path = pganalytics, pg_temp
as $$
#variable_conflict use_column
declare
    asked_hash constant bigint := aggregate_recommendations_for_query.query_hash;
    asked_target constant integer := aggregate_recommendations_for_query.target_id;
    asked_database constant text := aggregate_recommendations_for_query.database_name;
begin
    perform enqueue_job('aggregate_recommendations_for_query',
                        jsonb_build_object('query_hash', asked_hash, 'target_id', asked_target, 'database_name', asked_database),
                        asked_target, format('%s/%s/%s', asked_hash, asked_target, asked_database));
    return query
        select count(*), coalesce(array_agg(distinct r.source_type order by r.source_type), '{}')
        from optimization_recommendations as r
        where r.query_hashes @> jsonb_build_array(jsonb_build_object('query_hash', asked_hash))
          and (asked_target is null or r.target_id = asked_target)
          and (asked_database is null or r.database_name = asked_database)
          and not r.is_stale;
end
$$;
comment on function aggregate_recommendations_for_query is 'Queues an aggregation for the statement and returns what is stored so far.';

-- Partitions. One has a fixed length for each level, so that its bounds follow from any time inside it.
create function partition_length(level text)
returns interval
language sql immutable strict
as $$
    select case level
               when 'raw' then interval '6 hours'
               when '10 minutes' then interval '24 hours'
               when '1 hour' then interval '720 hours'
           end
$$;
comment on function partition_length is 'Length of the partitions of a history level.';

create function history_table(level text)
returns text
language sql immutable strict
as $$
    select case level
               when 'raw' then 'metrics_raw'
               when '10 minutes' then 'metrics_10_minutes'
               when '1 hour' then 'metrics_hours'
           end
$$;
comment on function history_table is 'Table of a history level.';

create function partition_begin(level text, moment timestamptz)
returns timestamptz
language sql immutable strict
as $$
    select to_timestamp(floor(extract(epoch from moment) / extract(epoch from pganalytics.partition_length(level)))
                        * extract(epoch from pganalytics.partition_length(level)))
$$;
comment on function partition_begin is 'Begin of the partition that a moment belongs to.';

create function ensure_partitions(level text, first_moment timestamptz, last_moment timestamptz)
returns integer
language plpgsql
set search_path = pganalytics, pg_temp
as $$
declare
    parent constant text := history_table(level);
    begins timestamptz := partition_begin(level, first_moment);
    made integer := 0;
    child text;
begin
    while begins <= last_moment loop
        child := parent || '_p' || to_char(begins at time zone 'UTC', 'YYYYMMDDHH24');
        if to_regclass('pganalytics.' || child) is null then
            -- Attached rather than created in place: that takes no lock that would hold up readers and writers.
            perform pg_advisory_xact_lock(hashtext('pganalytics.partitions'));
            if to_regclass('pganalytics.' || child) is null then
                execute format('create table %I (like %I including defaults including constraints including comments)', child, parent);
                execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                               parent, child, begins, begins + partition_length(level));
                execute format('alter table %I set (autovacuum_vacuum_insert_scale_factor = 0.5)', child);
                made := made + 1;
            end if;
        end if;
        begins := begins + partition_length(level);
    end loop;
    return made;
end
$$;
comment on function ensure_partitions is 'Makes the partitions of a level that cover two moments and what lies between; gives how many were new.';

create function list_partitions(level text)
returns table (partition_name text, begins timestamptz, ends timestamptz, bytes bigint)
language sql stable
set search_path = pganalytics, pg_temp
as $$
    select c.relname::text, b.begins, b.begins + partition_length(list_partitions.level), pg_total_relation_size(c.oid)
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    cross join lateral (
        select to_timestamp(right(c.relname, 10) || '+00', 'YYYYMMDDHH24TZH') as begins) as b
    where i.inhparent = ('pganalytics.' || history_table(list_partitions.level))::regclass
    order by b.begins
$$;
comment on function list_partitions is 'Partitions of a level, oldest first, with the time they cover and their size.';

create function repository_size()
returns bigint
language sql stable
set search_path = pganalytics, pg_temp
as $$
    select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    from pg_class as c
    where c.relnamespace = 'pganalytics'::regnamespace
      and c.relkind in ('r', 'm')
$$;
comment on function repository_size is 'Bytes that the tables of schema pganalytics take, indexes included.';

-- Roles belong to the whole server: they are made when the migrating role may, and said to be missing when it may not.
create function apply_grants()
returns setof text
language plpgsql
set search_path = pganalytics, pg_temp
as $$
declare
    role_name text;
    object record;
begin
    revoke all on schema pganalytics from public;
    revoke all on all functions in schema pganalytics from public;
    foreach role_name in array array['pganalytics_reader', 'pganalytics_operator'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception
                when insufficient_privilege then
                    return next format('Role %s does not exist and could not be created. Run as a superuser: CREATE ROLE %s NOLOGIN; then migrate again.', role_name, role_name);
                when duplicate_object or unique_violation then
                    null;  -- another repository on this server was quicker
            end;
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'pganalytics_reader') then
        grant usage on schema pganalytics to pganalytics_reader;
        for object in
            select c.relname
            from pg_class as c
            where c.relnamespace = 'pganalytics'::regnamespace
              and c.relkind in ('r', 'p', 'v')
              and not c.relispartition
              and c.relname not in ('api_tokens', 'target_secrets')
        loop
            execute format('grant select on %I to pganalytics_reader', object.relname);
        end loop;
        grant execute on function
            calculate_urgency_score, calculate_roi_score, get_top_recommendations, list_partitions, partition_length,
            partition_begin, history_table, repository_size
            to pganalytics_reader;
    end if;
    if exists (select from pg_roles where rolname = 'pganalytics_operator') then
        if exists (select from pg_roles where rolname = 'pganalytics_reader')
           and not pg_has_role('pganalytics_operator', 'pganalytics_reader', 'member') then
            begin
                grant pganalytics_reader to pganalytics_operator;
            exception when insufficient_privilege then
                return next 'Role pganalytics_operator is no member of pganalytics_reader. Run as a superuser: GRANT pganalytics_reader TO pganalytics_operator.';
            end;
        end if;
        grant usage on schema pganalytics to pganalytics_operator;
        grant execute on function
            detect_workload_patterns, generate_rewrite_suggestions, optimize_parameters, aggregate_recommendations_for_query
            to pganalytics_operator;
    end if;
end
$$;
comment on function apply_grants is 'Makes the roles pganalytics_reader and pganalytics_operator where it may, and grants them what is theirs; gives what could not be done.';
