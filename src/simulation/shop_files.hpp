#pragma once
// The files of samples/shop, embedded at build time, so that the one binary can make the shop anywhere.

#include <string>
#include <string_view>

namespace pganalytics::simulation::shop_files {

[[nodiscard]] std::string_view model();
[[nodiscard]] std::string_view schema();
[[nodiscard]] std::string_view data();
[[nodiscard]] std::string_view indexes();
[[nodiscard]] std::string_view workload();
[[nodiscard]] std::string_view faults();

/// A digest of all of them: another version is another shop.
[[nodiscard]] std::string version();

}  // namespace pganalytics::simulation::shop_files
