#pragma once
// The sample shop: creates itself in any database and says what is planted in it. The templates are samples/shop/*,
// embedded at build time; a seed renames tables and columns and varies sizes, skew and texts (shop_names.hpp).
//
// The data stays: a second `create_shop` with the same seed, scale and version finds its manifest (schema
// `pganalytics_sample`) and returns at once. Another seed or version replaces the tables that the manifest names, and
// nothing else. Not thread-safe on one connection.

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "postgres/connection.hpp"
#include "simulation/shop_truth.hpp"

namespace pganalytics::simulation {

struct ShopOptions {
    std::uint64_t seed = 0;  ///< 0 gives the plain names of a shop
    double scale = 1;        ///< of the large tables' rows, 0.01 … 100
    /// Called before each step: what is made, steps done, steps in all.
    std::function<void(std::string_view step, int done, int total)> progress;
};

struct CreatedShop {
    ShopTruth truth;
    bool already_there = false;
};

/// The truth alone, without a server: what `create_shop` would plant. fix_input for a scale out of range.
[[nodiscard]] base::Result<ShopTruth> shop_truth(std::uint64_t seed, double scale);

/// Needs a connection that may write, without READ ONLY, and the right to create tables in `public`. Raises the
/// connection's own timeouts while it works. Errors: fix_input (scale), conflict (a table of that name that is not the
/// shop's), otherwise what the server says. Parallel workers and JIT are turned off for the database, so that one busy
/// machine shows the same plans as another.
[[nodiscard]] base::Result<CreatedShop> create_shop(postgres::Connection& connection, const ShopOptions& options);

/// The truth of the shop in this database; not_found where there is none, conflict where one is half made.
[[nodiscard]] base::Result<ShopTruth> find_shop(postgres::Connection& connection);

/// Keeps `truth` as the answer sheet of the shop that is there (after its alternatives were established).
[[nodiscard]] base::Status save_truth(postgres::Connection& connection, const ShopTruth& truth);

/// Removes the shop's tables and manifest; not an error where there is none.
[[nodiscard]] base::Status drop_shop(postgres::Connection& connection);

}  // namespace pganalytics::simulation
