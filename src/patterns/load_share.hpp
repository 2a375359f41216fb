#pragma once
// Whether one query's load is a fixed share of its database's. Then it has the database's periods and none of its own,
// and a search for them, which costs a hundred times as much, need not be made.
//
// What is left of the query beside its share is set against white noise on the scale of counts: few outliers, and no
// line of the spectrum beyond what the strongest of as many would reach by chance (Fisher 1929). Anything else, red
// noise too, is not said to be a share. Pure functions, thread-safe.

#include "patterns/series.hpp"

namespace pganalytics::patterns {

enum class LoadShare {
    share,   ///< goes up and down with the database
    noise,   ///< even, or too small for its own scatter to show anything
    unlike,  ///< has something of its own
};

/// Both on one grid; `unlike` where they are not, or fewer than 48 places are known in both.
[[nodiscard]] LoadShare load_share(const Series& query, const Series& database);

}  // namespace pganalytics::patterns
