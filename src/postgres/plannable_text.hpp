#pragma once
// Tree edits that make a normalised statement plannable. Internal to this module; pure functions on text, no server.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::postgres {

/// `Error::field` where the grammar understands the text and it has no plan, as against text that it refuses.
inline constexpr std::string_view not_plannable = "statement";

struct EditedText {
    std::string text;
    std::vector<std::string> repairs;  ///< in words; empty where nothing was changed
};

/// Highest n of the `$n` in the text; 0 without.
[[nodiscard]] int parameter_count(std::string_view text);

/// Rung 2: through the parser and the deparser (`date $1` → `$1::date`). Statements that only wrap a query (DECLARE
/// CURSOR, CREATE TABLE AS, COPY (…) TO, EXPLAIN, PREPARE, CREATE MATERIALIZED VIEW) become the query.
/// fix_input where there is nothing to plan.
[[nodiscard]] base::Result<EditedText> deparsed(std::string_view text);

/// Rung 3: what pg_stat_statements made impossible is undone in the tree. `server_version` is 150018 for 15.18.
[[nodiscard]] base::Result<EditedText> repaired(std::string_view text, int server_version);

/// The SELECT that finds the rows an UPDATE, DELETE, INSERT or MERGE would touch; row locks are dropped.
/// unsupported where there is none.
[[nodiscard]] base::Result<EditedText> as_select(std::string_view text);

}  // namespace pganalytics::postgres
