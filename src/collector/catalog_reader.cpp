#include "collector/catalog_reader.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/text.hpp"
#include "collector/catalog_queries.hpp"
#include "collector/row_values.hpp"

namespace pganalytics::collector {

namespace {

using base::Oid;
using catalog::Relation;
using postgres::Parameters;
using postgres::Rows;

// Enough for a lock that comes and goes, short enough that twenty of them cost nobody a second.
constexpr const char* lock_patience = "200ms";

constexpr std::string_view sqlstate_lock_not_available = "55P03";
constexpr std::string_view sqlstate_query_cancelled = "57014";
constexpr std::string_view sqlstate_undefined_table = "42P01";  // dropped between look and call

catalog::RelationKind kind_of(std::string_view relkind) {
    using catalog::RelationKind;
    if (relkind == "p") return RelationKind::partitioned_table;
    if (relkind == "m") return RelationKind::materialized_view;
    if (relkind == "v") return RelationKind::view;
    if (relkind == "f") return RelationKind::foreign_table;
    return RelationKind::table;
}

std::string array_of(const std::vector<Relation>& relations) {
    std::string text = "{";
    for (const auto& relation : relations) {
        if (text.size() > 1) text += ',';
        text += std::to_string(base::to_integer(relation.oid));
    }
    return text + "}";
}

/// One reading in progress.
class Reader {
  public:
    Reader(postgres::Connection& connection, const CatalogOptions& options)
        : connection_(connection), options_(options) {}

    base::Result<CatalogReading> read() {
        PGANALYTICS_RETURN_IF_ERROR(read_frame());
        if (database().relations.empty()) return std::move(reading_);
        chosen_ = array_of(database().relations);
        PGANALYTICS_RETURN_IF_ERROR(read_columns());
        PGANALYTICS_RETURN_IF_ERROR(read_statistics());
        PGANALYTICS_RETURN_IF_ERROR(read_activity());
        PGANALYTICS_RETURN_IF_ERROR(read_indexes());
        PGANALYTICS_RETURN_IF_ERROR(read_checks());
        PGANALYTICS_RETURN_IF_ERROR(read_views());
        describe_what_is_missing();
        return std::move(reading_);
    }

  private:
    catalog::Database& database() { return reading_.database; }

    Relation* relation_of(Oid oid) {
        const auto found = by_oid_.find(base::to_integer(oid));
        return found == by_oid_.end() ? nullptr : &database().relations[found->second];
    }

    catalog::Index* index_of(Oid oid) {
        const auto found = index_by_oid_.find(base::to_integer(oid));
        return found == index_by_oid_.end() ? nullptr
                                            : &database().relations[found->second.first].indexes[found->second.second];
    }

    base::Status read_frame();
    void take_relations(const Rows& rows);
    base::Status read_columns();
    [[nodiscard]] int statistics_text_per_column() const;
    base::Status read_statistics();
    base::Status read_activity();
    base::Status read_indexes();
    void take_index_parts(const Rows& rows);
    base::Status read_checks();
    base::Status read_views();
    void describe_what_is_missing();

    /// A query that may have to wait for a lock: with short patience, and once more without what waits.
    base::Result<Rows> query_despite_locks(std::string_view sql, std::string_view what);
    void pass_over(const Relation& relation);

    postgres::Connection& connection_;
    const CatalogOptions& options_;
    CatalogReading reading_;
    std::string chosen_;
    std::unordered_map<std::uint32_t, std::size_t> by_oid_;
    std::unordered_map<std::uint32_t, std::pair<std::size_t, std::size_t>> index_by_oid_;
    std::unordered_set<std::uint32_t> passed_over_;
};

std::map<std::string, catalog::Setting, std::less<>> settings_of(const Rows& rows) {
    std::map<std::string, catalog::Setting, std::less<>> settings;
    for (std::size_t i = 0; i < rows.size(); ++i)
        settings.emplace(rows.text(i, 0),
                         catalog::Setting{rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.text(i, 3)});
    return settings;
}

base::Status Reader::read_frame() {
    const std::vector<std::pair<std::string, Parameters>> statements{
        {std::string(catalog_queries::database), {}},
        {std::string(catalog_queries::settings), {}},
        {std::string(catalog_queries::extensions), {}},
        {std::string(catalog_queries::relations), {std::to_string(options_.max_relations)}}};
    PGANALYTICS_ASSIGN(const auto results, connection_.pipeline(statements));
    database().name = results[0].text(0, 0);
    database().version.number = static_cast<int>(results[0].integer(0, 1).value_or(0));
    database().search_path = parse_array_text(results[0].text(0, 2));
    database().statistics_reset = timestamp_of(results[0], 0, 3);
    database().settings = settings_of(results[1]);
    for (std::size_t i = 0; i < results[2].size(); ++i)
        database().extensions.push_back({results[2].text(i, 0), results[2].text(i, 1)});
    take_relations(results[3]);
    return {};
}

void Reader::take_relations(const Rows& rows) {
    database().relations.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Relation relation;
        relation.oid = oid_of(rows, i, 0);
        relation.schema = rows.text(i, 1);
        relation.name = rows.text(i, 2);
        relation.kind = kind_of(rows.text(i, 3));
        relation.rows = rows.number(i, 4).value_or(-1);
        relation.pages = rows.number(i, 5).value_or(0);
        // Before 14 a relation that was never analysed has 0 rows in 0 pages; since 14 it says -1.
        if (database().version.major() < 14 && relation.rows == 0 && relation.pages == 0) relation.rows = -1;
        constexpr std::int64_t block = 8192;
        relation.size = {static_cast<std::int64_t>(relation.pages) * block};
        relation.partition_parent = oid_of(rows, i, 6);
        if (!rows.boolean(i, 7)) ++reading_.unreadable_relations;
        reading_.relations_found = rows.integer(i, 8).value_or(0);
        relation.row_security = rows.boolean(i, 9);
        by_oid_.emplace(base::to_integer(relation.oid), database().relations.size());
        database().relations.push_back(std::move(relation));
    }
}

base::Status Reader::read_columns() {
    const std::vector<std::pair<std::string, Parameters>> statements{
        {std::string(catalog_queries::columns), {chosen_}}, {std::string(catalog_queries::foreign_keys), {chosen_}}};
    PGANALYTICS_ASSIGN(const auto results, connection_.pipeline(statements));
    const auto& rows = results[0];
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Relation* relation = relation_of(oid_of(rows, i, 0));
        if (!relation) continue;
        catalog::Column column;
        column.number = static_cast<int>(rows.integer(i, 1).value_or(0));
        column.name = rows.text(i, 2);
        column.type = rows.text(i, 3);
        column.base_type = rows.text(i, 4);
        column.type_category = rows.text(i, 5);
        column.not_null = rows.boolean(i, 6);
        column.generated = rows.boolean(i, 7);
        column.collation = rows.text(i, 8);
        column.has_btree_operator_class = rows.boolean(i, 9);
        relation->columns.push_back(std::move(column));
    }
    const auto& keys = results[1];
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (Relation* relation = relation_of(oid_of(keys, i, 0)))
            relation->foreign_keys.push_back({keys.text(i, 1), parse_array_text(keys.text(i, 2)), keys.text(i, 3),
                                              keys.text(i, 4), parse_array_text(keys.text(i, 5))});
    }
    return {};
}

int Reader::statistics_text_per_column() const {
    std::int64_t columns = 1;
    for (const auto& relation : reading_.database.relations)
        columns += static_cast<std::int64_t>(relation.columns.size());
    constexpr std::int64_t shortest = 200;
    const auto share = std::max(options_.max_statistics_bytes / (2 * columns), shortest);
    return static_cast<int>(std::min<std::int64_t>(share, options_.max_statistics_text));
}

base::Status Reader::read_statistics() {
    auto asked =
        connection_.query(catalog_queries::statistics, {chosen_, std::to_string(statistics_text_per_column())});
    if (!asked) {
        if (connection_.last_server_error().sqlstate != sqlstate_query_cancelled) return std::move(asked).error();
        reading_.notes.push_back(
            "Column statistics took longer to read than statement_timeout allows; they are left out.");
        return {};
    }
    const Rows& rows = *asked;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Relation* relation = relation_of(oid_of(rows, i, 0));
        if (!relation) continue;
        const auto name = rows.text(i, 1);
        const auto column = std::find_if(relation->columns.begin(), relation->columns.end(),
                                         [&](const catalog::Column& c) { return c.name == name; });
        if (column == relation->columns.end()) continue;
        catalog::ColumnStatistics statistics;
        statistics.null_fraction = rows.number(i, 2).value_or(0);
        statistics.distinct = rows.number(i, 3).value_or(0);
        statistics.correlation = rows.number(i, 4);
        statistics.average_width = rows.number(i, 5).value_or(0);
        statistics.most_common_values = parse_array_text(rows.text(i, 6));
        for (const auto& frequency : parse_array_text(rows.text(i, 7)))
            statistics.most_common_frequencies.push_back(base::parse_number(frequency).value_or(0));
        // The values' text may have been cut: a frequency without its value says nothing.
        const auto both = std::min(statistics.most_common_values.size(), statistics.most_common_frequencies.size());
        statistics.most_common_values.resize(both);
        statistics.most_common_frequencies.resize(both);
        statistics.histogram_bounds = parse_array_text(rows.text(i, 8));
        column->statistics = std::move(statistics);
    }
    return {};
}

base::Result<Rows> Reader::query_despite_locks(std::string_view sql, std::string_view what) {
    for (const bool without_waiting : {false, true}) {
        Parameters parameters{chosen_, without_waiting ? "true" : "false"};
        // Each query is a transaction of its own: locks that deparsing a view takes end with it.
        const std::vector<std::pair<std::string, Parameters>> statements{
            {"select set_config('lock_timeout', $1, true)", {lock_patience}},
            {std::string(catalog_queries::locked).append(sql), parameters}};
        auto results = connection_.pipeline(statements);
        if (results) return std::move((*results)[1]);
        const auto& state = connection_.last_server_error().sqlstate;
        const bool waited = state == sqlstate_lock_not_available || state == sqlstate_query_cancelled ||
                            state == sqlstate_undefined_table || state.starts_with("XX");
        if (!waited || without_waiting || !connection_.healthy()) return std::move(results).error();
    }
    return base::Error{base::ErrorCode::retry_later, "The " + std::string(what) + " could not be read.", "", ""};
}

void Reader::pass_over(const Relation& relation) {
    if (passed_over_.insert(base::to_integer(relation.oid)).second)
        reading_.locked_relations.push_back(relation.qualified_name());
}

base::Status Reader::read_activity() {
    PGANALYTICS_ASSIGN(const Rows rows, query_despite_locks(catalog_queries::activity, "sizes"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Relation* relation = relation_of(oid_of(rows, i, 0));
        if (!relation) continue;
        if (rows.boolean(i, 1)) pass_over(*relation);
        if (const auto size = rows.integer(i, 2)) relation->size = {*size};
        catalog::RelationActivity activity;
        activity.sequential_scans = rows.integer(i, 3).value_or(0);
        activity.sequential_rows = rows.integer(i, 4).value_or(0);
        activity.rows_inserted = rows.integer(i, 5).value_or(0);
        activity.rows_updated = rows.integer(i, 6).value_or(0);
        activity.rows_hot_updated = rows.integer(i, 7).value_or(0);
        activity.rows_deleted = rows.integer(i, 8).value_or(0);
        activity.live_rows = rows.integer(i, 9).value_or(0);
        activity.dead_rows = rows.integer(i, 10).value_or(0);
        activity.last_analyze = timestamp_of(rows, i, 11);
        activity.last_vacuum = timestamp_of(rows, i, 12);
        relation->activity = activity;
    }
    return {};
}

base::Status Reader::read_indexes() {
    PGANALYTICS_ASSIGN(const Rows rows, query_despite_locks(catalog_queries::indexes, "indexes"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Oid table = oid_of(rows, i, 0);
        Relation* relation = relation_of(table);
        if (!relation) continue;
        catalog::Index index;
        index.oid = oid_of(rows, i, 1);
        index.schema = rows.text(i, 2);
        index.name = rows.text(i, 3);
        index.method = rows.text(i, 4);
        index.unique = rows.boolean(i, 5);
        index.primary = rows.boolean(i, 6);
        index.valid = rows.boolean(i, 7);
        index.exclusion = rows.boolean(i, 8);
        constexpr std::int64_t block = 8192;
        index.size = {rows.integer(i, 10).value_or(rows.integer(i, 9).value_or(0) * block)};
        index.definition = rows.text(i, 11);
        index.predicate = rows.text(i, 12);
        index.constraint = rows.text(i, 13);
        index.scans = rows.integer(i, 14);
        if (rows.boolean(i, 15)) {
            pass_over(*relation);
            // A partial index whose condition could not be read must not pass for a whole one.
            if (!rows.cell(i, 12)) index.valid = false;
        }
        if (index.definition.size() > static_cast<std::size_t>(options_.max_definition_text)) index.definition.clear();
        if (relation->activity) relation->activity->index_scans += index.scans.value_or(0);
        index_by_oid_.emplace(base::to_integer(index.oid),
                              std::pair{by_oid_.at(base::to_integer(table)), relation->indexes.size()});
        relation->indexes.push_back(std::move(index));
    }
    PGANALYTICS_ASSIGN(const Rows parts, query_despite_locks(catalog_queries::index_parts, "columns of indexes"));
    take_index_parts(parts);
    constexpr int first_with_last_scan = 16;
    if (database().version.major() < first_with_last_scan) return {};
    PGANALYTICS_ASSIGN(const Rows scans, connection_.query(catalog_queries::last_scans, {chosen_}));
    for (std::size_t i = 0; i < scans.size(); ++i)
        if (auto* index = index_of(oid_of(scans, i, 0))) index->last_scan = timestamp_of(scans, i, 1);
    return {};
}

void Reader::take_index_parts(const Rows& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        catalog::Index* index = index_of(oid_of(rows, i, 0));
        if (!index) continue;
        if (!rows.boolean(i, 7)) {
            index->included.push_back(rows.text(i, 2));
            continue;
        }
        constexpr std::int64_t option_descending = 1;
        constexpr std::int64_t option_nulls_first = 2;
        const auto option = rows.integer(i, 4).value_or(0);
        catalog::IndexKey key;
        key.column_number = static_cast<int>(rows.integer(i, 1).value_or(0));
        key.column = rows.text(i, 2);
        key.expression = rows.text(i, 3);
        key.descending = (option & option_descending) != 0;
        key.nulls_first = (option & option_nulls_first) != 0;
        key.operator_class = rows.text(i, 5);
        key.default_operator_class = rows.boolean(i, 6);
        index->keys.push_back(std::move(key));
    }
    for (auto& relation : database().relations) {
        for (const auto& index : relation.indexes) {
            const bool plain = std::all_of(index.keys.begin(), index.keys.end(),
                                           [](const catalog::IndexKey& key) { return key.column_number > 0; });
            if (!index.unique || !index.valid || !index.predicate.empty() || !plain || index.keys.empty()) continue;
            std::vector<std::string> columns;
            for (const auto& key : index.keys) columns.push_back(key.column);
            relation.unique_keys.push_back(std::move(columns));
        }
    }
}

base::Status Reader::read_checks() {
    PGANALYTICS_ASSIGN(const Rows rows, query_despite_locks(catalog_queries::checks, "check constraints"));
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (Relation* relation = relation_of(oid_of(rows, i, 0)))
            relation->check_constraints.push_back(rows.text(i, 1));
    return {};
}

base::Status Reader::read_views() {
    PGANALYTICS_ASSIGN(const Rows rows, query_despite_locks(catalog_queries::views, "views"));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Relation* relation = relation_of(oid_of(rows, i, 0));
        auto definition = rows.text(i, 1);
        if (relation && definition.size() <= static_cast<std::size_t>(options_.max_definition_text))
            relation->view_definition = std::move(definition);
    }
    return {};
}

void Reader::describe_what_is_missing() {
    const auto chosen = static_cast<std::int64_t>(database().relations.size());
    if (reading_.relations_found > chosen)
        reading_.notes.push_back("The database has " + base::with_thousands(reading_.relations_found) +
                                 " relations; the largest " + base::with_thousands(chosen) + " were read.");
    if (!reading_.locked_relations.empty())
        reading_.notes.push_back("ACCESS EXCLUSIVE is held or awaited on " +
                                 base::join(reading_.locked_relations, ", ") +
                                 ": sizes are estimates and some definitions are left out.");
    if (reading_.unreadable_relations > 0)
        reading_.notes.push_back(
            "The role may not read " + base::with_thousands(reading_.unreadable_relations) + " of " +
            base::with_thousands(chosen) +
            " relations: their column statistics are unknown and their statements cannot be planned.");
}

}  // namespace

base::Result<CatalogReading> read_catalog(postgres::Connection& connection, const CatalogOptions& options) {
    return Reader(connection, options).read();
}

base::Result<std::map<std::string, catalog::Setting, std::less<>>> read_settings(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto rows, connection.query(catalog_queries::settings));
    return settings_of(rows);
}

std::vector<std::string> parse_array_text(std::string_view text) {
    std::vector<std::string> elements;
    if (text.empty() || text.front() != '{') return elements;
    std::size_t at = 1;
    while (at < text.size() && text[at] != '}') {
        std::string element;
        bool whole = false;
        const bool quoted = text[at] == '"';
        if (quoted) {
            for (++at; at < text.size() && text[at] != '"'; ++at) {
                if (text[at] == '\\' && ++at == text.size()) break;
                element += text[at];
            }
            whole = at < text.size() && ++at < text.size();
        } else {
            while (at < text.size() && text[at] != ',' && text[at] != '}') element += text[at++];
            whole = at < text.size();
        }
        if (!whole) break;
        if (quoted || element != "NULL") elements.push_back(std::move(element));
        if (text[at] == ',') ++at;
    }
    return elements;
}

}  // namespace pganalytics::collector
