#pragma once
// How a statement uses the columns of each table it reads: what an index on them could answer. Gathered from the parse
// tree, through subqueries, CTEs and views. Pure; the catalog outlives the result.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "indexes/candidate.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::indexes {

/// What a B-tree can do for the predicate.
enum class UseKind {
    equality,     ///< = value, IS NULL, a boolean column
    in_list,      ///< IN (…), = ANY (…)
    join,         ///< = something of another relation: a bound value on the inner side of a nested loop
    range,        ///< < <= > >= BETWEEN
    text_prefix,  ///< LIKE 'abc%'
};

struct ColumnUse {
    const catalog::Column* column = nullptr;
    UseKind kind = UseKind::equality;
    std::string operator_class;           ///< that the predicate needs, "" for the default
    double values = 1;                    ///< members of an IN list
    int branch = 0;                       ///< of an OR: uses of different branches never hold together; 0 always holds
    std::optional<std::string> constant;  ///< text of the compared constant, where there is one
};

/// One occurrence of a table in a statement.
struct Occurrence {
    const catalog::Relation* relation = nullptr;
    std::vector<ColumnUse> uses;
    std::vector<std::vector<Key>> orders;  ///< wanted orders: ORDER BY, and the column of a lone min() or max()
};

/// Occurrences by a key that is unique in the statement.
using Occurrences = std::map<std::string, Occurrence>;

class ColumnUseReader {
  public:
    explicit ColumnUseReader(const catalog::Database& database);
    ~ColumnUseReader();

    /// Errors as sql::parse and sql::analyze; unsupported for utility statements.
    [[nodiscard]] base::Result<Occurrences> read(std::string_view statement);

  private:
    struct View;
    class Walk;
    const View* view_of(const catalog::Relation& relation);
    [[nodiscard]] sql::ColumnLookup lookup() const;

    const catalog::Database& database_;
    std::map<const catalog::Relation*, std::unique_ptr<View>> views_;  ///< parsed once; null where not parseable
};

}  // namespace pganalytics::indexes
