#pragma once
// What a statement of DDL makes or drops, in a form that can be compared: names unquoted and without schema,
// expressions and predicates as PostgreSQL's deparser writes them, without qualifiers. Index names, CONCURRENTLY, sort
// directions and operator classes do not count: they do not change which condition an index can serve here. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace pganalytics::evaluation {

enum class DdlKind { create_index, drop_index, create_statistics, other };

struct DdlShape {
    DdlKind kind = DdlKind::other;
    std::string table;
    std::string method = "btree";
    std::vector<std::string> keys;  ///< columns and expressions in order; of statistics, in any
    std::vector<std::string> included;
    std::string predicate;
    std::string index;  ///< the index that is dropped
};

/// One shape for each statement of the text; none where it does not parse. A REINDEX is `other`.
[[nodiscard]] std::vector<DdlShape> ddl_shapes(std::string_view text);

}  // namespace pganalytics::evaluation
