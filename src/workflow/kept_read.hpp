#pragma once
// Which statements a materialised view could stand for: reads without parameters that ask nothing of the moment or of
// who runs them, over tables of the catalog; and the view's columns and order. Internal to this module's workload
// advice. Pure functions, thread-safe, no errors: what cannot be told is left out.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "catalog/catalog.hpp"
#include "sql/walk.hpp"
#include "workflow/workload_advice.hpp"

namespace pganalytics::workflow {

/// A read that may be kept, with the tables it rests on.
struct KeptRead {
    base::QueryHash query_hash{};
    std::string text;                  ///< without comments
    std::vector<std::string> columns;  ///< of its result
    bool needs_column_list = false;
    bool is_ordered = false;
    std::string order;  ///< the same by the names of the columns; "" where they do not tell it
    std::set<const catalog::Relation*> tables;
};

[[nodiscard]] std::optional<KeptRead> kept_read(const ObservedText& statement, const catalog::Database& database);

[[nodiscard]] sql::ColumnLookup columns_in(const catalog::Database& database);
/// A table and, where it is partitioned, what its rows lie in.
void add_with_partitions(const catalog::Database& database, const catalog::Relation& relation,
                         std::set<const catalog::Relation*>& into);

}  // namespace pganalytics::workflow
