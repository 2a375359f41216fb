#include "store/levels.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace pganalytics::store {
namespace {

using base::Timestamp;
using namespace std::chrono_literals;
using testing::ElementsAre;

Timestamp at(std::chrono::seconds seconds) {
    return Timestamp(seconds);
}

/// Hours kept from 0, ten minutes from 100 h, raw from 200 h; rolled up to 250 h and to 250 h 30 min.
Coverages coverages() {
    return {{{at(200h), Timestamp::max()}, {at(100h), at(250h + 30min)}, {at(0h), at(250h)}}};
}

TEST(Levels, ReadsWholeHoursFromHoursAndTheEdgesFromWhatIsExact) {
    EXPECT_THAT(
        pieces_of(coverages(), at(240h + 5min), at(250h + 45min)),
        ElementsAre(Piece{Level::raw, at(240h + 5min), at(240h + 10min)},
                    Piece{Level::ten_minutes, at(240h + 10min), at(241h)}, Piece{Level::hour, at(241h), at(250h)},
                    Piece{Level::ten_minutes, at(250h), at(250h + 30min)},
                    Piece{Level::raw, at(250h + 30min), at(250h + 45min)}));
}

TEST(Levels, ReadsWhatIsNoLongerKeptFinerFromCoarserBuckets) {
    EXPECT_THAT(pieces_of(coverages(), at(50h + 7min), at(60h + 7min)),
                ElementsAre(Piece{Level::hour, at(50h + 7min), at(60h + 7min)}));
    EXPECT_THAT(pieces_of(coverages(), at(150h + 7min), at(150h + 8min)),
                ElementsAre(Piece{Level::ten_minutes, at(150h + 7min), at(150h + 8min)}));
}

TEST(Levels, GivesTheFinestWhenAskedForIt) {
    EXPECT_THAT(pieces_of(coverages(), at(50h), at(251h), Level::raw),
                ElementsAre(Piece{Level::hour, at(50h), at(100h)}, Piece{Level::ten_minutes, at(100h), at(200h)},
                            Piece{Level::raw, at(200h), at(251h)}));
    EXPECT_THAT(pieces_of(coverages(), at(99h), at(201h), Level::ten_minutes),
                ElementsAre(Piece{Level::hour, at(99h), at(100h)}, Piece{Level::ten_minutes, at(100h), at(201h)}));
}

RC_GTEST_PROP(Levels, CoversTheWindowOnceAndNothingElse, ()) {
    const auto from = *rc::gen::inRange<std::int64_t>(0, 260 * 3600);
    const auto length = *rc::gen::inRange<std::int64_t>(1, 100 * 3600);
    const auto coarsest = *rc::gen::element(Level::raw, Level::ten_minutes, Level::hour);
    const auto all = coverages();
    auto next = at(std::chrono::seconds(from));
    const auto to = at(std::chrono::seconds(from + length));
    for (const auto& piece : pieces_of(all, next, to, coarsest)) {
        RC_ASSERT(piece.from == next);
        RC_ASSERT(piece.from < piece.to);
        next = piece.to;
        const auto& coverage = all[static_cast<std::size_t>(piece.level)];
        RC_ASSERT(piece.from >= coverage.kept_from);
        RC_ASSERT(piece.to <= coverage.rolled_up_to);
        const auto bucket = names_of(piece.level).bucket;
        if (piece.level == Level::raw) continue;
        // Whole buckets, unless there is nothing finer to tell their parts apart.
        const auto finer_kept_from = all[static_cast<std::size_t>(piece.level) - 1].kept_from;
        RC_ASSERT(piece.from < finer_kept_from || bucket_begin(piece.from, bucket) == piece.from);
        RC_ASSERT(piece.to <= finer_kept_from || bucket_begin(piece.to, bucket) == piece.to);
    }
    RC_ASSERT(next == to);
}

TEST(Levels, CountsBucketsFromTheEpochOnBothSides) {
    EXPECT_EQ(bucket_begin(at(3599s), 3600s), at(0s));
    EXPECT_EQ(bucket_begin(at(3600s), 3600s), at(3600s));
    EXPECT_EQ(bucket_begin(at(-1s), 3600s), at(-3600s));
}

}  // namespace
}  // namespace pganalytics::store
