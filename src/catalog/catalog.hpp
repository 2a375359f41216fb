#pragma once
// What one database contains, as values: read by `postgres`/`collector`, given to the capabilities, which never ask a
// server themselves. What could not be seen is absent (nullopt), never zero.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace pganalytics::catalog {

struct ServerVersion {
    int number = 0;  ///< server_version_num: 150018
    [[nodiscard]] int major() const { return number / 10000; }
};

/// pg_stats, one row. Null where the role may not read it or ANALYZE never ran.
struct ColumnStatistics {
    double null_fraction = 0;                     ///< 0..1
    double distinct = 0;                          ///< pg_stats.n_distinct: > 0 a count, < 0 minus a share of the rows
    std::optional<double> correlation;            ///< -1..1, null for types without order
    double average_width = 0;                     ///< bytes
    std::vector<std::string> most_common_values;  ///< as text
    std::vector<double> most_common_frequencies;  ///< 0..1, same order
    std::vector<std::string> histogram_bounds;    ///< as text

    /// Number of distinct values in a relation of `rows` rows.
    [[nodiscard]] double distinct_count(double rows) const { return distinct >= 0 ? distinct : -distinct * rows; }
};

struct Column {
    int number = 0;  ///< attnum, from 1
    std::string name;
    std::string type;           ///< format_type(): "character varying(20)"
    std::string base_type;      ///< typname without modifiers: "varchar", "int4", "_text" for an array
    std::string type_category;  ///< pg_type.typcategory, one letter
    bool not_null = false;
    bool has_btree_operator_class = true;  ///< the type can be ordered
    std::string collation;                 ///< "" where the type has none
    bool generated = false;
    std::optional<ColumnStatistics> statistics;
};

enum class RelationKind { table, partitioned_table, materialized_view, view, foreign_table };

struct IndexKey {
    int column_number = 0;   ///< 0 for an expression
    std::string column;      ///< its name, or ""
    std::string expression;  ///< pg_get_indexdef of that part where it is an expression
    bool descending = false;
    bool nulls_first = false;
    std::string operator_class;  ///< "int4_ops"; with default_operator_class telling whether it is the default
    bool default_operator_class = true;
};

struct Index {
    base::Oid oid{};
    std::string schema;
    std::string name;
    std::string method;  ///< "btree", "gin", …
    std::vector<IndexKey> keys;
    std::vector<std::string> included;  ///< INCLUDE columns
    std::string predicate;              ///< "" where the index is not partial
    std::string definition;             ///< pg_get_indexdef
    std::string constraint;             ///< name of the constraint it serves, or ""
    bool unique = false;
    bool primary = false;
    bool valid = true;
    bool exclusion = false;
    base::Bytes size{};
    std::optional<std::int64_t> scans;         ///< pg_stat_user_indexes.idx_scan
    std::optional<base::Timestamp> last_scan;  ///< 16 and newer
};

struct ForeignKey {
    std::string name;
    std::vector<std::string> columns;
    std::string referenced_schema;
    std::string referenced_table;
    std::vector<std::string> referenced_columns;
};

/// Write and scan counters since the statistics were reset (pg_stat_user_tables).
struct RelationActivity {
    std::int64_t sequential_scans = 0;
    std::int64_t sequential_rows = 0;
    std::int64_t index_scans = 0;
    std::int64_t rows_inserted = 0;
    std::int64_t rows_updated = 0;
    std::int64_t rows_hot_updated = 0;
    std::int64_t rows_deleted = 0;
    std::int64_t live_rows = 0;
    std::int64_t dead_rows = 0;
    std::optional<base::Timestamp> last_analyze;  ///< by hand or by autovacuum, the later
    std::optional<base::Timestamp> last_vacuum;
};

struct Relation {
    base::Oid oid{};
    std::string schema;
    std::string name;
    RelationKind kind = RelationKind::table;
    double rows = -1;              ///< pg_class.reltuples; -1 where never analysed
    double pages = 0;              ///< pg_class.relpages, 8 kB each
    base::Bytes size{};            ///< heap only
    base::Oid partition_parent{};  ///< 0 where it is no partition
    std::string view_definition;   ///< pg_get_viewdef for views, else ""
    bool row_security = false;     ///< enabled: roles may see different rows
    std::vector<Column> columns;
    std::vector<Index> indexes;
    std::vector<ForeignKey> foreign_keys;
    std::vector<std::vector<std::string>> unique_keys;  ///< primary key and unique constraints/indexes (total ones)
    std::vector<std::string> check_constraints;         ///< pg_get_constraintdef
    std::optional<RelationActivity> activity;

    [[nodiscard]] const Column* find_column(std::string_view column_name) const;
    /// "schema.name", quoted where needed.
    [[nodiscard]] std::string qualified_name() const;
};

struct Setting {
    std::string name;
    std::string value;  ///< as current_setting() prints it
    std::string unit;
    std::string source;
};

struct Extension {
    std::string name;
    std::string version;
};

struct Database {
    std::string name;
    ServerVersion version;
    std::vector<std::string> search_path;  ///< effective schemas of the role, in order
    std::vector<Relation> relations;
    std::map<std::string, Setting, std::less<>> settings;
    std::vector<Extension> extensions;
    std::optional<base::Timestamp> statistics_reset;  ///< pg_stat_database.stats_reset

    /// By schema and name; with an empty schema, by search_path order and then, if it is unique, anywhere.
    /// Names are as the catalog has them (already folded and unquoted).
    [[nodiscard]] const Relation* find_relation(std::string_view schema, std::string_view relation_name) const;
    [[nodiscard]] bool has_extension(std::string_view extension_name) const;
    [[nodiscard]] std::optional<base::Bytes> memory_setting(std::string_view setting_name) const;
    [[nodiscard]] std::optional<double> number_setting(std::string_view setting_name) const;
};

/// quote_ident() without a server: quotes where the name is not a plain lower-case identifier or is a reserved word.
[[nodiscard]] std::string quote_identifier(std::string_view name);
/// quote_literal() without a server; standard_conforming_strings is assumed, backslashes give an E'' literal.
[[nodiscard]] std::string quote_literal(std::string_view text);

}  // namespace pganalytics::catalog
