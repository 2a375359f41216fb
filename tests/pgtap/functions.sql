-- The SQL functions of schema pganalytics. Run inside a transaction that is rolled back; needs the migrated schema and pgTAP.
begin;
create extension if not exists pgtap;
select plan(32);

-- Formulas.
select is(pganalytics.calculate_urgency_score(60, 500), 30::double precision, 'urgency: 60 calls a minute of 500 ms are 30 s a minute');
select is(pganalytics.calculate_urgency_score(0, 500), 0::double precision, 'urgency: no calls, none');
select is(pganalytics.calculate_urgency_score(null, 500), null::double precision, 'urgency: unknown stays unknown');
select is(pganalytics.calculate_roi_score(0.9, 50, 30), 1350::double precision, 'roi: confidence x percent x urgency');
select volatility_is('pganalytics', 'calculate_roi_score', 'immutable', 'roi can be used in an index');

-- Ranking.
insert into pganalytics.targets (name, conninfo_shown) values ('one', ''), ('two', '');
insert into pganalytics.optimization_recommendations
    (target_id, database_name, identity, query_hash, query_hashes, rule, source_type, recommendation_text, detailed_explanation, statement,
     estimated_improvement_percent, confidence_score, urgency_score, roi_score, implementation_complexity, evidence, is_dismissed, is_stale)
select (select target_id from pganalytics.targets where name = 'one'), 'shop', 'i' || n, n,
       jsonb_build_array(jsonb_build_object('query_hash', n)), 'missing_index_detected', 'index', 'r' || n, '', 'create index',
       n, 0.5, 1, n, 'low', '{}', n = 9, n = 8
from generate_series(1, 10) as n;
select results_eq('select id from pganalytics.get_top_recommendations()',
                  $$select id from pganalytics.optimization_recommendations where identity in ('i10', 'i7', 'i6', 'i5') order by roi_score desc$$,
                  'top: at least 5 %, neither dismissed nor stale, highest return first');
select is((select count(*) from pganalytics.get_top_recommendations(2)), 2::bigint, 'top: max_rows');
select is((select count(*) from pganalytics.get_top_recommendations(-1)), 0::bigint, 'top: a negative max_rows gives none');
select is((select count(*) from pganalytics.get_top_recommendations(20, 0)), 8::bigint, 'top: min_impact');
insert into pganalytics.optimization_implementations (recommendation_id, target_id, database_name, rule, recommendation_text, estimated_improvement, confidence_score)
select id, target_id, database_name, rule, recommendation_text, 10, 0.5 from pganalytics.optimization_recommendations where identity = 'i10';
select is((select recommendation_text from pganalytics.get_top_recommendations(1)), 'r7', 'top: what is being tried leaves the list');
update pganalytics.optimization_implementations set status = 'no_improvement';
select is((select recommendation_text from pganalytics.get_top_recommendations(1)), 'r10', 'top: what did not help comes back');
select is((select count(*) from pganalytics.v_optimization_results), 1::bigint, 'results: listed');

-- Functions that queue.
select is((select count(*) from pganalytics.generate_rewrite_suggestions(7)), 0::bigint, 'rewrites: nothing stored yet');
select is((select count(*) from pganalytics.jobs where kind = 'generate_rewrite_suggestions' and payload ->> 'query_hash' = '7'), 1::bigint, 'rewrites: queued');
select is((select count(*) from pganalytics.generate_rewrite_suggestions(7)), 0::bigint, 'rewrites: asked again');
select is((select count(*) from pganalytics.jobs where kind = 'generate_rewrite_suggestions'), 1::bigint, 'rewrites: not queued twice');
insert into pganalytics.query_rewrite_suggestions
    (target_id, database_name, query_hash, identity, suggestion_type, description, original_query, suggested_rewrite, reasoning,
     estimated_improvement_percent, confidence_score, evidence)
select target_id, 'shop', 7, 'a', 'in_vs_any_optimization', '', '', '', '', 10, case name when 'one' then 0.6 else 0.8 end, '{}' from pganalytics.targets;
select results_eq('select confidence from pganalytics.generate_rewrite_suggestions(7)', 'values (0.8::double precision), (0.6)', 'rewrites: best confidence first');
select is((select count(*) from pganalytics.generate_rewrite_suggestions(7, (select target_id from pganalytics.targets where name = 'one'), 'shop')), 1::bigint,
          'rewrites: of one target and database');
select is((select count(*) from pganalytics.generate_rewrite_suggestions(7, null, 'other')), 0::bigint, 'rewrites: of another database');
select results_eq('select * from pganalytics.optimize_parameters(7)', $$values (0::bigint, '{}'::text[])$$, 'parameters: none yet');
select is((select count(*) from pganalytics.jobs where kind = 'optimize_parameters'), 1::bigint, 'parameters: queued');
select results_eq('select * from pganalytics.aggregate_recommendations_for_query(7)', $$values (1::bigint, '{index}'::text[])$$, 'aggregate: what serves the query');
select throws_ok($$select * from pganalytics.detect_workload_patterns('shop', 6)$$, '22023', null, 'patterns: fewer than 7 days are refused');
select lives_ok($$select * from pganalytics.detect_workload_patterns('shop', 9999)$$, 'patterns: more than a year is capped');
select is((select payload ->> 'lookback_days' from pganalytics.jobs where kind = 'detect_workload_patterns'), '365', 'patterns: to a year');
insert into pganalytics.workload_patterns (target_id, database_name, identity, pattern_type, pattern_metadata, description, affected_query_count)
select target_id, 'shop', 'p', 'hourly_peak', '{"confidence": 0.9}', '', 3 from pganalytics.targets;
select results_eq('select pattern_type, confidence from pganalytics.detect_workload_patterns(''shop'')', $$values ('hourly_peak', 0.9::double precision), ('hourly_peak', 0.9)$$,
                  'patterns: what is stored');
select is((select max_confidence from pganalytics.v_workload_pattern_summary limit 1), 0.9::double precision, 'patterns: summed up');

-- Partitions.
select is(pganalytics.partition_begin('raw', '2026-11-22 13:14:15+00'), '2026-11-22 12:00:00+00'::timestamptz, 'partitions: raw ones last six hours');
select is(pganalytics.ensure_partitions('raw', '2031-01-01 00:00+00', '2031-01-01 17:59+00'), 3, 'partitions: made');
select is(pganalytics.ensure_partitions('raw', '2031-01-01 00:00+00', '2031-01-01 18:00+00'), 1, 'partitions: made once');
select is((select max(ends) from pganalytics.list_partitions('raw')), '2031-01-02 00:00+00'::timestamptz, 'partitions: listed with their bounds');

-- What writes is pinned.
select is((select count(*) from pg_proc where pronamespace = 'pganalytics'::regnamespace and prosecdef
           and not coalesce(proconfig::text like '%search_path=pganalytics, pg_temp%', false)), 0::bigint,
          'every SECURITY DEFINER function pins its search_path');
select * from finish();
rollback;
