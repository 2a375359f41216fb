#include "collector/backoff.hpp"

#include <algorithm>

namespace pganalytics::collector {

std::chrono::milliseconds Backoff::next() {
    // Beyond 20 doublings any first step has passed any sensible longest one; a shift further would overflow.
    const int doublings = std::min(failures_, 20);
    ++failures_;
    const auto whole = std::min<std::int64_t>(longest_.count(), first_.count() << doublings);
    std::uniform_int_distribution<std::int64_t> spread(whole / 2, whole);
    return std::chrono::milliseconds(spread(random_));
}

}  // namespace pganalytics::collector
