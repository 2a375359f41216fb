-- Patterns, suggestions, recommendations, what became of them, and models: the tables of the interface.

create table workload_patterns (
    id bigint generated always as identity primary key,
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    identity text not null,
    pattern_type text not null,
    pattern_metadata jsonb not null,
    detection_timestamp timestamptz not null default now(),
    description text not null,
    affected_query_count integer not null default 0,
    is_stale boolean not null default false,
    unique (target_id, database_name, identity)
);
create index workload_patterns_list on workload_patterns (detection_timestamp desc, id desc) where not is_stale;
create index workload_patterns_by_database on workload_patterns (database_name, pattern_type, detection_timestamp desc, id desc) where not is_stale;
comment on table workload_patterns is 'Regularities of a database''s load.';
comment on column workload_patterns.id is 'The pattern.';
comment on column workload_patterns.target_id is 'The server.';
comment on column workload_patterns.database_name is 'The database.';
comment on column workload_patterns.identity is 'Names the same pattern from detection to detection.';
comment on column workload_patterns.pattern_type is 'hourly_peak, daily_cycle, weekly_pattern, batch_job or periodic.';
comment on column workload_patterns.pattern_metadata is 'peak_hour (UTC), variance, confidence, affected_queries, z_score_count, z_score_time, days_observed, consistency_score, recurrence_score and more; null where one has no meaning for the type.';
comment on column workload_patterns.detection_timestamp is 'When it was last detected.';
comment on column workload_patterns.description is 'One sentence.';
comment on column workload_patterns.affected_query_count is 'Number of statements it concerns.';
comment on column workload_patterns.is_stale is 'Whether the last detection no longer found it.';

create table query_rewrite_suggestions (
    id bigint generated always as identity primary key,
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint not null,
    identity text not null,
    fingerprint_hash bigint,
    suggestion_type text not null,
    description text not null,
    original_query text not null,
    suggested_rewrite text not null,
    alternatives jsonb not null default '[]',
    reasoning text not null,
    estimated_improvement_percent double precision not null check (estimated_improvement_percent between 0 and 100),
    confidence_score double precision not null check (confidence_score between 0 and 1),
    evidence jsonb not null,
    dismissed boolean not null default false,
    implemented boolean not null default false,
    implementation_notes text,
    is_stale boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (target_id, database_name, query_hash, identity)
);
create index query_rewrite_suggestions_list on query_rewrite_suggestions (query_hash, confidence_score desc, id) where not is_stale;
comment on table query_rewrite_suggestions is 'Rewrites and missing indexes, by the statement that gains; advice that serves several statements has a row for each.';
comment on column query_rewrite_suggestions.id is 'The suggestion.';
comment on column query_rewrite_suggestions.target_id is 'The server.';
comment on column query_rewrite_suggestions.database_name is 'The database.';
comment on column query_rewrite_suggestions.query_hash is 'The statement.';
comment on column query_rewrite_suggestions.identity is 'Names the same suggestion from run to run.';
comment on column query_rewrite_suggestions.fingerprint_hash is 'The statement''s family; null where the grammar refuses it.';
comment on column query_rewrite_suggestions.suggestion_type is 'The rule: n_plus_one_detected, inefficient_join_detected, missing_index_detected, subquery_optimization, in_vs_any_optimization or a further rule''s name.';
comment on column query_rewrite_suggestions.description is 'One line.';
comment on column query_rewrite_suggestions.original_query is 'The statement as it is.';
comment on column query_rewrite_suggestions.suggested_rewrite is 'SQL that runs: the rewritten statement, or the DDL of an index.';
comment on column query_rewrite_suggestions.alternatives is 'Further SQL, an array of strings.';
comment on column query_rewrite_suggestions.reasoning is 'Why, with the figures.';
comment on column query_rewrite_suggestions.estimated_improvement_percent is 'Share of the statement''s time that it saves; evidence.basis says of which measure.';
comment on column query_rewrite_suggestions.confidence_score is 'Probability that it helps: the rule''s prior moved by what was measured.';
comment on column query_rewrite_suggestions.evidence is 'What was checked, how, and what could not be.';
comment on column query_rewrite_suggestions.dismissed is 'Whether someone turned it down.';
comment on column query_rewrite_suggestions.implemented is 'Whether it was recorded as implemented.';
comment on column query_rewrite_suggestions.implementation_notes is 'Words of whoever implemented it.';
comment on column query_rewrite_suggestions.is_stale is 'Whether the last analysis no longer found it.';
comment on column query_rewrite_suggestions.created_at is 'When it was first found.';
comment on column query_rewrite_suggestions.updated_at is 'When it was last found or changed.';

create table parameter_tuning_suggestions (
    id bigint generated always as identity primary key,
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint not null,
    identity text not null,
    rule text not null,
    parameter_name text not null,
    current_value text not null,
    recommended_value text not null,
    applies_as text not null,
    reasoning text not null,
    estimated_improvement_percent double precision not null check (estimated_improvement_percent between 0 and 100),
    confidence_score double precision not null check (confidence_score between 0 and 1),
    evidence jsonb not null,
    is_stale boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (target_id, database_name, query_hash, identity)
);
create index parameter_tuning_suggestions_list on parameter_tuning_suggestions (query_hash, confidence_score desc, id) where not is_stale;
comment on table parameter_tuning_suggestions is 'LIMIT, work_mem, sort_mem and batch_size for statements.';
comment on column parameter_tuning_suggestions.id is 'The suggestion.';
comment on column parameter_tuning_suggestions.target_id is 'The server.';
comment on column parameter_tuning_suggestions.database_name is 'The database.';
comment on column parameter_tuning_suggestions.query_hash is 'The statement.';
comment on column parameter_tuning_suggestions.identity is 'Names the same suggestion from run to run.';
comment on column parameter_tuning_suggestions.rule is 'The rule that found it.';
comment on column parameter_tuning_suggestions.parameter_name is 'LIMIT, work_mem, sort_mem or batch_size.';
comment on column parameter_tuning_suggestions.current_value is 'The value now.';
comment on column parameter_tuning_suggestions.recommended_value is 'The value advised.';
comment on column parameter_tuning_suggestions.applies_as is 'The statement to run.';
comment on column parameter_tuning_suggestions.reasoning is 'Why, with the figures.';
comment on column parameter_tuning_suggestions.estimated_improvement_percent is 'Share of the statement''s time that it saves.';
comment on column parameter_tuning_suggestions.confidence_score is 'Probability that it helps.';
comment on column parameter_tuning_suggestions.evidence is 'What was checked, how, and what could not be.';
comment on column parameter_tuning_suggestions.is_stale is 'Whether the last analysis no longer found it.';
comment on column parameter_tuning_suggestions.created_at is 'When it was first found.';
comment on column parameter_tuning_suggestions.updated_at is 'When it was last found or changed.';

create table optimization_recommendations (
    id bigint generated always as identity primary key,
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    identity text not null,
    query_hash bigint,
    query_hashes jsonb not null default '[]',
    rule text not null,
    source_type text not null check (source_type in ('index', 'rewrite', 'parameter', 'workload')),
    source_id bigint,
    recommendation_text text not null,
    detailed_explanation text not null,
    statement text not null,
    rollback_statement text not null default '',
    estimated_improvement_percent double precision not null check (estimated_improvement_percent between 0 and 100),
    confidence_score double precision not null check (confidence_score between 0 and 1),
    urgency_score double precision not null,
    roi_score double precision not null,
    implementation_complexity text not null check (implementation_complexity in ('low', 'medium', 'high')),
    evidence jsonb not null,
    is_dismissed boolean not null default false,
    dismissal_reason text,
    is_stale boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (target_id, database_name, identity)
);
create index optimization_recommendations_list on optimization_recommendations (roi_score desc, id) where not is_stale;
create index optimization_recommendations_by_database on optimization_recommendations (database_name, roi_score desc, id) where not is_stale;
create index optimization_recommendations_by_source on optimization_recommendations (source_type, roi_score desc, id) where not is_stale;
create index optimization_recommendations_by_query on optimization_recommendations (query_hash) where not is_stale;
create index optimization_recommendations_served on optimization_recommendations using gin (query_hashes jsonb_path_ops);
comment on table optimization_recommendations is 'What to change, ranked by return on investment.';
comment on column optimization_recommendations.id is 'The recommendation.';
comment on column optimization_recommendations.target_id is 'The server.';
comment on column optimization_recommendations.database_name is 'The database.';
comment on column optimization_recommendations.identity is 'Names the same recommendation from run to run.';
comment on column optimization_recommendations.query_hash is 'The heaviest statement it serves; null when it serves none.';
comment on column optimization_recommendations.query_hashes is 'All statements it serves, with each one''s share of the benefit.';
comment on column optimization_recommendations.rule is 'The rule that found it.';
comment on column optimization_recommendations.source_type is 'index, rewrite, parameter or workload.';
comment on column optimization_recommendations.source_id is 'The suggestion or pattern it was made of.';
comment on column optimization_recommendations.recommendation_text is 'One line.';
comment on column optimization_recommendations.detailed_explanation is 'Why, with the figures.';
comment on column optimization_recommendations.statement is 'What to run.';
comment on column optimization_recommendations.rollback_statement is 'What undoes it; empty where there is nothing to undo.';
comment on column optimization_recommendations.estimated_improvement_percent is 'Share of the served statements'' time that it saves.';
comment on column optimization_recommendations.confidence_score is 'Probability that it helps.';
comment on column optimization_recommendations.urgency_score is 'Database seconds spent per minute on the statements it serves; for advice that serves none, those it frees.';
comment on column optimization_recommendations.roi_score is 'confidence_score x estimated_improvement_percent x urgency_score.';
comment on column optimization_recommendations.implementation_complexity is 'low, medium or high.';
comment on column optimization_recommendations.evidence is 'What was checked, how, and what could not be.';
comment on column optimization_recommendations.is_dismissed is 'Whether someone turned it down.';
comment on column optimization_recommendations.dismissal_reason is 'Why it was turned down.';
comment on column optimization_recommendations.is_stale is 'Whether the last analysis no longer found it.';
comment on column optimization_recommendations.created_at is 'When it was first found.';
comment on column optimization_recommendations.updated_at is 'When it was last found or changed.';

create table optimization_implementations (
    implementation_id bigint generated always as identity primary key,
    recommendation_id bigint not null references optimization_recommendations on delete cascade,
    target_id integer not null references targets on delete cascade,
    database_name text not null,
    query_hash bigint,
    rule text not null,
    recommendation_text text not null,
    estimated_improvement double precision not null,
    actual_improvement double precision,
    improvement_interval jsonb,
    verdict text check (verdict in ('improved', 'regressed', 'no_effect', 'inconclusive')),
    prediction_error_percent double precision,
    accuracy_score double precision,
    status text not null default 'pending' check (status in ('pending', 'implemented', 'no_improvement', 'reverted', 'failed')),
    preliminary boolean not null default true,
    decidable_at timestamptz,
    implementation_timestamp timestamptz not null default now(),
    measured_at timestamptz,
    time_to_measurement interval,
    confidence_score double precision not null,
    actual_improvement_seconds double precision,
    pre_optimization_stats jsonb not null default '{}',
    post_optimization_stats jsonb,
    notes text,
    actor text not null default ''
);
create index optimization_implementations_list on optimization_implementations (implementation_timestamp desc, implementation_id desc);
create index optimization_implementations_by_recommendation on optimization_implementations (recommendation_id, implementation_timestamp desc, implementation_id desc);
create index optimization_implementations_by_status on optimization_implementations (status, implementation_timestamp desc, implementation_id desc);
create index optimization_implementations_by_rule on optimization_implementations (rule) where verdict is not null;
comment on table optimization_implementations is 'Recommendations that were carried out, and what they really did.';
comment on column optimization_implementations.implementation_id is 'The implementation.';
comment on column optimization_implementations.recommendation_id is 'What was carried out.';
comment on column optimization_implementations.target_id is 'The server.';
comment on column optimization_implementations.database_name is 'The database.';
comment on column optimization_implementations.query_hash is 'The statement whose calls are the measure of demand.';
comment on column optimization_implementations.rule is 'The rule whose confidence the verdict moves.';
comment on column optimization_implementations.recommendation_text is 'One line, as it read then.';
comment on column optimization_implementations.estimated_improvement is 'Percent promised.';
comment on column optimization_implementations.actual_improvement is 'Percent measured.';
comment on column optimization_implementations.improvement_interval is 'Interval of the measured percent: lower, upper, level.';
comment on column optimization_implementations.verdict is 'improved, regressed, no_effect or inconclusive; null until looked at.';
comment on column optimization_implementations.prediction_error_percent is 'How far the promise was off.';
comment on column optimization_implementations.accuracy_score is '1 less the share by which it was off, at least 0.';
comment on column optimization_implementations.status is 'pending, implemented, no_improvement, reverted or failed.';
comment on column optimization_implementations.preliminary is 'Whether the figures are a running estimate between the fixed looks.';
comment on column optimization_implementations.decidable_at is 'When there will be enough history to decide.';
comment on column optimization_implementations.implementation_timestamp is 'When it was carried out.';
comment on column optimization_implementations.measured_at is 'When it was last measured.';
comment on column optimization_implementations.time_to_measurement is 'From carrying out to measuring.';
comment on column optimization_implementations.confidence_score is 'Confidence at the time.';
comment on column optimization_implementations.actual_improvement_seconds is 'Database seconds saved per day.';
comment on column optimization_implementations.pre_optimization_stats is 'Figures before.';
comment on column optimization_implementations.post_optimization_stats is 'Figures after.';
comment on column optimization_implementations.notes is 'Words of whoever carried it out.';
comment on column optimization_implementations.actor is 'Who recorded it.';

create table query_performance_models (
    model_id bigint generated always as identity primary key,
    target_id integer references targets on delete cascade,
    database_name text not null,
    model_type text not null check (model_type in ('linear_regression', 'decision_tree', 'random_forest', 'gradient_boosting')),
    model_name text not null,
    version text not null,
    format_version integer not null,
    training_samples bigint not null,
    training_date timestamptz not null default now(),
    r_squared double precision,
    rmse double precision,
    mae double precision,
    q_error jsonb,
    interval_coverage double precision,
    feature_names jsonb not null,
    feature_count integer not null,
    feature_importance jsonb,
    drift jsonb,
    is_active boolean not null default false,
    activated_at timestamptz,
    job_id bigint,
    content bytea not null,
    content_sha256 text not null
);
create unique index query_performance_models_active on query_performance_models (coalesce(target_id, 0), database_name) where is_active;
create index query_performance_models_list on query_performance_models (training_date desc, model_id desc);
create index query_performance_models_by_database on query_performance_models (database_name, model_type, training_date desc, model_id desc);
comment on table query_performance_models is 'Trained models of execution time; at most one is active for a database.';
comment on column query_performance_models.model_id is 'The model.';
comment on column query_performance_models.target_id is 'The server; null for a model that is not bound to one.';
comment on column query_performance_models.database_name is 'The database.';
comment on column query_performance_models.model_type is 'linear_regression, decision_tree, random_forest or gradient_boosting.';
comment on column query_performance_models.model_name is 'Name for people.';
comment on column query_performance_models.version is 'Version among the models of this database and type.';
comment on column query_performance_models.format_version is 'Version of features and encoding; a newer one than the program knows is refused.';
comment on column query_performance_models.training_samples is 'Samples it was trained on.';
comment on column query_performance_models.training_date is 'When it was trained.';
comment on column query_performance_models.r_squared is 'R squared of log time, held out.';
comment on column query_performance_models.rmse is 'Root mean square error in milliseconds, held out.';
comment on column query_performance_models.mae is 'Mean absolute error in milliseconds, held out.';
comment on column query_performance_models.q_error is 'p50, p90 and p95 of max(predicted/actual, actual/predicted), held out.';
comment on column query_performance_models.interval_coverage is 'Share of held-out times inside their 90 % interval.';
comment on column query_performance_models.feature_names is 'Names of the features, in order.';
comment on column query_performance_models.feature_count is 'Number of features.';
comment on column query_performance_models.feature_importance is 'Share of each feature.';
comment on column query_performance_models.drift is 'Drift of inputs and errors since training.';
comment on column query_performance_models.is_active is 'Whether it serves predictions.';
comment on column query_performance_models.activated_at is 'When it began to.';
comment on column query_performance_models.job_id is 'The job that trained it.';
comment on column query_performance_models.content is 'The model.';
comment on column query_performance_models.content_sha256 is 'SHA-256 of content; a damaged model is refused.';

create view v_top_optimization_recommendations as
select r.id, r.target_id, t.name as target_name, r.database_name, r.query_hash, r.query_hashes, r.source_type, r.source_id,
       r.recommendation_text, r.detailed_explanation, r.statement, r.rollback_statement,
       r.estimated_improvement_percent, r.confidence_score, r.urgency_score, r.roi_score,
       r.implementation_complexity, r.is_dismissed, r.dismissal_reason, r.created_at, r.updated_at
from optimization_recommendations as r
join targets as t using (target_id)
where not r.is_stale
  and not r.is_dismissed
  and not exists (
      select from optimization_implementations as i
      where i.recommendation_id = r.id
        and i.status in ('pending', 'implemented'))
order by r.roi_score desc, r.id;
comment on view v_top_optimization_recommendations is 'Open recommendations: neither stale nor dismissed nor carried out, highest return on investment first.';

create view v_optimization_results as
select i.implementation_id, i.recommendation_id, i.target_id, t.name as target_name, i.database_name, i.query_hash,
       i.recommendation_text, i.estimated_improvement, i.actual_improvement, i.improvement_interval, i.verdict,
       i.prediction_error_percent, i.accuracy_score, i.status, i.preliminary, i.decidable_at,
       i.implementation_timestamp, i.measured_at, i.time_to_measurement, i.confidence_score,
       i.actual_improvement_seconds, i.pre_optimization_stats, i.post_optimization_stats
from optimization_implementations as i
join targets as t using (target_id)
order by i.implementation_timestamp desc, i.implementation_id desc;
comment on view v_optimization_results is 'What carried-out recommendations really did, newest first.';

create view v_workload_pattern_summary as
select p.target_id, t.name as target_name, p.database_name, p.pattern_type,
       count(*) as pattern_count,
       avg((p.pattern_metadata ->> 'confidence')::double precision) as mean_confidence,
       max((p.pattern_metadata ->> 'confidence')::double precision) as max_confidence,
       sum(p.affected_query_count) as affected_query_count,
       max(p.detection_timestamp) as detection_timestamp
from workload_patterns as p
join targets as t using (target_id)
where not p.is_stale
group by p.target_id, t.name, p.database_name, p.pattern_type;
comment on view v_workload_pattern_summary is 'Patterns counted by database and type.';
comment on column v_workload_pattern_summary.target_id is 'The server.';
comment on column v_workload_pattern_summary.target_name is 'Its name.';
comment on column v_workload_pattern_summary.database_name is 'The database.';
comment on column v_workload_pattern_summary.pattern_type is 'The type.';
comment on column v_workload_pattern_summary.pattern_count is 'Number of patterns.';
comment on column v_workload_pattern_summary.mean_confidence is 'Mean of their confidence.';
comment on column v_workload_pattern_summary.max_confidence is 'Highest confidence.';
comment on column v_workload_pattern_summary.affected_query_count is 'Statements concerned, counted once for each pattern.';
comment on column v_workload_pattern_summary.detection_timestamp is 'Newest detection.';

-- Columns of a view that stand for a table's column mean what that column means.
do $$
declare
    pair record;
begin
    for pair in
        select v.relname as view_name, va.attname as column_name, col_description(ta.attrelid, ta.attnum) as meaning
        from (values ('v_top_optimization_recommendations', 'optimization_recommendations'),
                     ('v_optimization_results', 'optimization_implementations')) as same (view_name, table_name)
        join pg_class as v on v.oid = ('pganalytics.' || same.view_name)::regclass
        join pg_attribute as va on va.attrelid = v.oid and va.attnum > 0
        join pg_attribute as ta on ta.attrelid = ('pganalytics.' || same.table_name)::regclass and ta.attname = va.attname
    loop
        execute format('comment on column %I.%I is %L', pair.view_name, pair.column_name, pair.meaning);
    end loop;
end
$$;
comment on column v_top_optimization_recommendations.target_name is 'Name of the server.';
comment on column v_optimization_results.target_name is 'Name of the server.';
