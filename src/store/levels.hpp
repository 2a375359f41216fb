#pragma once
// The three resolutions of the history and what each covers now. For the files of this module only.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::store {

enum class Level { raw, ten_minutes, hour };
inline constexpr std::array levels{Level::raw, Level::ten_minutes, Level::hour};

struct LevelNames {
    std::string_view key;  ///< history_levels.level
    std::string_view table;
    std::chrono::seconds bucket;
};
[[nodiscard]] const LevelNames& names_of(Level level);

struct Coverage {
    base::Timestamp kept_from;
    base::Timestamp rolled_up_to;  ///< Timestamp::max() for raw
};
using Coverages = std::array<Coverage, 3>;  ///< by Level

[[nodiscard]] base::Result<Coverages> read_coverages(postgres::Connection& connection);

/// The begin of the bucket, counted from 1970 (UTC).
[[nodiscard]] base::Timestamp bucket_begin(base::Timestamp time, std::chrono::seconds bucket);

/// A part of a window, and the level it is best read from.
struct Piece {
    Level level = Level::raw;
    base::Timestamp from, to;
    friend bool operator==(const Piece&, const Piece&) = default;
};
/// The whole of [from, to), oldest part first, each at the coarsest level that is exact for it but no coarser than
/// `coarsest`; what is kept only in coarser buckets comes from those, and counts where the bucket begins inside.
[[nodiscard]] std::vector<Piece> pieces_of(const Coverages& coverages, base::Timestamp from, base::Timestamp to,
                                           Level coarsest = Level::hour);

/// Held (shared) by whoever adds to the history, (exclusively) by whoever rolls it up or thins it, until the
/// transaction ends: a row never falls between a roll-up and what it was rolled up from.
[[nodiscard]] base::Status lock_history(postgres::Connection& connection, bool exclusive);

}  // namespace pganalytics::store
