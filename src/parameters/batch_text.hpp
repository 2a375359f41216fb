#pragma once
// The many-row form of a statement that writes one row: `VALUES (…), (…), (…)` for INSERT, a join with arrays for
// UPDATE and DELETE. The user's text is spliced, so comments and layout stay. Internal to this module, thread-safe.

#include <string>

#include "base/result.hpp"
#include "catalog/catalog.hpp"
#include "sql/parse.hpp"

namespace pganalytics::parameters {

struct BatchText {
    std::string text;  ///< a statement that runs: three rows, or arrays of any length
    bool arrays = false;
};

/// unsupported, with the reason, where the statement is no single-row write or has no such form.
[[nodiscard]] base::Result<BatchText> batch_text(const sql::Tree& tree, const catalog::Database& database);

}  // namespace pganalytics::parameters
