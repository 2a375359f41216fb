#pragma once
// What a rewrite rule is. One rule is one file in rules/, one case file in tests/cases/rewrite and one page in
// docs/rules, all under `Rule::file_name()`; registry.cpp lists them in their order.

#include <memory>
#include <string_view>
#include <vector>

#include "rewrite/rewrite.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::rewrite {

/// The workload's statements as trees, parsed when first asked for and once for all rules. One thread at a time.
class StatementTrees {
  public:
    explicit StatementTrees(const workload::Workload& workload);
    /// Null where the text does not parse or holds other than one statement.
    [[nodiscard]] const sql::Tree* find(std::size_t statement);

  private:
    struct Slot {
        bool tried = false;
        std::unique_ptr<sql::Tree> tree;
    };
    const workload::Workload& workload_;
    std::vector<Slot> slots_;
};

/// Stateless.
class Rule {
  public:
    virtual ~Rule() = default;
    /// The registered name: "in_vs_any_optimization".
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// Names its case file and page: "in_vs_any".
    [[nodiscard]] virtual std::string_view file_name() const = 0;
    virtual void apply(const Inputs& inputs, StatementTrees& trees, Findings& findings) const = 0;
};

/// The column callback of sql::analyze on a catalog, which must outlive it.
[[nodiscard]] sql::ColumnLookup columns_of(const catalog::Database& database);

}  // namespace pganalytics::rewrite
