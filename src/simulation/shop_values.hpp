#pragma once
// Values of the traffic's parameters: a template with generators in brackets, e.g. "user[key customers]@mail.example".
// The generators are listed in samples/shop/workload.sql. Same seed, same values. One thread at a time.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "simulation/shop_names.hpp"

namespace pganalytics::simulation {

class ShopValues {
  public:
    /// `names` must outlive it.
    ShopValues(const ShopNames& names, std::uint64_t seed) : names_(names), random_(seed) {}

    /// One value. `earlier` are the values of $1, $2, … made so far for the same call. internal for an unknown
    /// generator.
    [[nodiscard]] base::Result<std::string> make(std::string_view text, const std::vector<std::string>& earlier);

    /// All parameters of one call, in order.
    [[nodiscard]] base::Result<std::vector<std::string>> make_all(const std::vector<std::string>& templates);

    /// From low to high, both included.
    [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high);
    /// In [0, 1).
    [[nodiscard]] double share();

  private:
    [[nodiscard]] base::Result<std::string> generate(const std::vector<std::string>& words,
                                                     const std::vector<std::string>& earlier);

    const ShopNames& names_;
    std::mt19937_64 random_;
};

}  // namespace pganalytics::simulation
