#pragma once
// What a corpus consists of, for its readers: counts, spread of times, and how far runs of one statement differ.

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.hpp"
#include "corpus/measure.hpp"

namespace pganalytics::corpus {

/// Of the files in `folder`. Noise is the q-error of each warm repeated run against the median of its statement's.
[[nodiscard]] base::Result<nlohmann::json> summarise(const std::filesystem::path& folder, std::uint64_t seed,
                                                     const std::map<std::string, Counts>& counts, double seconds);

}  // namespace pganalytics::corpus
