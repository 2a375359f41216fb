#pragma once
// The SQL of catalog_reader.cpp, apart because it is long. $1 is the array of chosen relations' oids where there is
// one.
//
// What waits for a lock and what does not: pg_relation_size, pg_get_indexdef, pg_get_expr, pg_get_constraintdef and
// pg_get_viewdef open their relation with ACCESS SHARE, so each query that calls them first looks who holds or awaits
// ACCESS EXCLUSIVE (pg_locks) and calls them for the others only. Between look and call a lock may still come: a short
// lock_timeout ends that, and the caller asks again with `$2` = true, which calls none of them.

#include <string_view>

namespace pganalytics::collector::catalog_queries {

inline constexpr std::string_view database = R"(
select current_database(),
       current_setting('server_version_num'),
       current_schemas(false)::text,
       (select (extract(epoch from stats_reset) * 1000000)::bigint
        from pg_stat_database where datname = current_database()))";

inline constexpr std::string_view settings = R"(
select name, current_setting(name, true), coalesce(unit, ''), source
from pg_settings
order by name)";

inline constexpr std::string_view extensions = R"(
select extname, extversion from pg_extension order by extname)";

/// $1: how many at most.
inline constexpr std::string_view relations = R"(
select c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages,
       case when c.relispartition then (select i.inhparent from pg_inherits i where i.inhrelid = c.oid limit 1) end,
       has_table_privilege(c.oid, 'select'),
       count(*) over (),
       c.relrowsecurity
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f')
  and c.relpersistence <> 't'
  and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  and not (c.relkind = 'v'
           and exists (select from pg_depend d
                       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
order by c.relkind = 'p' desc, c.relpages desc, c.oid
limit $1::bigint)";

/// A type can be ordered by B-tree when it, what it is made of, or what it is implicitly the same as has a default
/// operator class.
inline constexpr std::string_view columns = R"(
with ordered as (
  select o.opcintype as type
  from pg_opclass o
  join pg_am m on m.oid = o.opcmethod and m.amname = 'btree'
  where o.opcdefault
)
select a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typcategory, a.attnotnull,
       a.attgenerated <> '', coalesce(l.collname, ''),
       case b.typtype
         when 'e' then true
         when 'r' then true
         when 'm' then true
         when 'c' then false
         else case when b.typcategory = 'A' and b.typelem <> 0
                then b.typelem in (select type from ordered)
                     or exists (select from pg_type e where e.oid = b.typelem and e.typtype = 'e')
                     or exists (select from pg_cast x
                                where x.castsource = b.typelem and x.castmethod = 'b' and x.castcontext = 'i'
                                  and x.casttarget in (select type from ordered))
                else b.oid in (select type from ordered)
                     or exists (select from pg_cast x
                                where x.castsource = b.oid and x.castmethod = 'b' and x.castcontext = 'i'
                                  and x.casttarget in (select type from ordered))
              end
       end
from unnest($1::oid[]) as chosen(oid)
join pg_attribute a on a.attrelid = chosen.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
left join pg_collation l on l.oid = a.attcollation
order by a.attrelid, a.attnum)";

/// A partitioned table's own statistics are the inherited ones. $2: longest text of a list. Of most common values the
/// first are kept; a histogram is thinned evenly instead, both ends kept, because a half of it would lie about the
/// rest.
inline constexpr std::string_view statistics = R"(
select c.oid, s.attname, s.null_frac, s.n_distinct, s.correlation, s.avg_width,
       left(s.most_common_vals::text, $2::int), s.most_common_freqs::text,
       case when length(h.bounds) <= $2::int then h.bounds
            when h.bounds is not null then
              (select array_agg(b.bound order by b.place)::text
               from (select array_length(h.bounds::text[], 1) as found) n
               cross join lateral (select greatest(2, n.found::bigint * $2::int / length(h.bounds)) as kept) k
               cross join lateral unnest(h.bounds::text[]) with ordinality as b(bound, place)
               where b.place = 1
                  or (b.place - 1) * (k.kept - 1) / (n.found - 1) > (b.place - 2) * (k.kept - 1) / (n.found - 1))
       end
from unnest($1::oid[]) as chosen(oid)
join pg_class c on c.oid = chosen.oid
join pg_namespace n on n.oid = c.relnamespace
join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.inherited = (c.relkind = 'p')
cross join lateral (select s.histogram_bounds::text as bounds) h)";

/// What is locked so that reading its definition or size would wait. It begins the five queries below, which are not
/// whole without it. $2 of theirs: true calls nothing that waits for a lock.
inline constexpr std::string_view locked = R"(
with locked as materialized (
  select l.relation as oid from pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock'
    and l.database = (select oid from pg_database where datname = current_database())
))";

/// After `locked`.
inline constexpr std::string_view indexes = R"(, mine as materialized (
  select x.*, $2::bool or x.indrelid in (select oid from locked) or x.indexrelid in (select oid from locked) as passed
  from unnest($1::oid[]) as chosen(oid)
  join pg_index x on x.indrelid = chosen.oid
)
select x.indrelid, x.indexrelid, n.nspname, i.relname, m.amname, x.indisunique, x.indisprimary,
       x.indisvalid and x.indisready, x.indisexclusion, i.relpages,
       case when not x.passed then pg_relation_size(x.indexrelid) end,
       case when not x.passed then pg_get_indexdef(x.indexrelid) end,
       case when x.indpred is null then '' when not x.passed then pg_get_expr(x.indpred, x.indrelid) end,
       coalesce((select k.conname from pg_constraint k
                 where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x') limit 1), ''),
       pg_stat_get_numscans(x.indexrelid),
       x.passed
from mine x
join pg_class i on i.oid = x.indexrelid
join pg_namespace n on n.oid = i.relnamespace
join pg_am m on m.oid = i.relam
order by x.indrelid, x.indexrelid)";

/// After `locked`: the parts of each, in order.
inline constexpr std::string_view index_parts = R"(
select x.indexrelid, x.indkey[k.place - 1], coalesce(a.attname, ''),
       case
         when x.indkey[k.place - 1] <> 0 then ''
         when not ($2::bool or x.indrelid in (select oid from locked) or x.indexrelid in (select oid from locked))
           then pg_get_indexdef(x.indexrelid, k.place, true)
         else ''
       end,
       coalesce(x.indoption[k.place - 1], 0), coalesce(o.opcname, ''), coalesce(o.opcdefault, true),
       k.place <= x.indnkeyatts
from unnest($1::oid[]) as chosen(oid)
join pg_index x on x.indrelid = chosen.oid
cross join lateral generate_series(1, x.indnatts::int) as k(place)
left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[k.place - 1]
left join pg_opclass o on o.oid = case when k.place <= x.indnkeyatts then x.indclass[k.place - 1] end
order by x.indexrelid, k.place)";

inline constexpr std::string_view foreign_keys = R"(
select k.conrelid, k.conname,
       (select array_agg(a.attname order by p.place)::text
        from unnest(k.conkey) with ordinality as p(number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.number),
       n.nspname, c.relname,
       (select array_agg(a.attname order by p.place)::text
        from unnest(k.confkey) with ordinality as p(number, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.number)
from unnest($1::oid[]) as chosen(oid)
join pg_constraint k on k.conrelid = chosen.oid and k.contype = 'f'
join pg_class c on c.oid = k.confrelid
join pg_namespace n on n.oid = c.relnamespace
order by k.conrelid, k.conname)";

/// After `locked`.
inline constexpr std::string_view checks = R"(
select k.conrelid, pg_get_constraintdef(k.oid)
from unnest($1::oid[]) as chosen(oid)
join pg_constraint k on k.conrelid = chosen.oid and k.contype = 'c' and k.convalidated
where not $2::bool and k.conrelid not in (select oid from locked)
order by k.conrelid, k.conname)";

/// After `locked`: sizes and activity; NULL size where it was passed over.
inline constexpr std::string_view activity = R"(
select c.oid,
       $2::bool or c.oid in (select oid from locked),
       case when not ($2::bool or c.oid in (select oid from locked)) then pg_relation_size(c.oid) end,
       pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_hot_updated(c.oid),
       pg_stat_get_tuples_deleted(c.oid), pg_stat_get_live_tuples(c.oid), pg_stat_get_dead_tuples(c.oid),
       (extract(epoch from greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))
        * 1000000)::bigint,
       (extract(epoch from greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)))
        * 1000000)::bigint
from unnest($1::oid[]) as chosen(oid)
join pg_class c on c.oid = chosen.oid and c.relkind in ('r', 'p', 'm'))";

/// After `locked`. A view's definition also opens what the view reads, so views over a locked relation are passed over.
inline constexpr std::string_view views = R"(, affected as materialized (
  select r.ev_class as oid
  from pg_depend d
  join pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
    and d.refobjid in (select oid from locked)
)
select v.oid, pg_get_viewdef(v.oid)
from unnest($1::oid[]) as chosen(oid)
join pg_class v on v.oid = chosen.oid and v.relkind in ('v', 'm')
where not $2::bool and v.oid not in (select oid from affected) and v.oid not in (select oid from locked))";

/// 16 and newer.
inline constexpr std::string_view last_scans = R"(
select x.indexrelid, (extract(epoch from pg_stat_get_lastscan(x.indexrelid)) * 1000000)::bigint
from unnest($1::oid[]) as chosen(oid)
join pg_index x on x.indrelid = chosen.oid
where pg_stat_get_lastscan(x.indexrelid) is not null)";

}  // namespace pganalytics::collector::catalog_queries
