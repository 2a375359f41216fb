#pragma once
// The statements of the shop's traffic as values: samples/shop/workload.sql, with a seed's names in place. The file's
// own comment describes its notation.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "simulation/shop_names.hpp"

namespace pganalytics::simulation {

/// A list of varying length: `[list]` in the text.
struct ListPlan {
    int shortest = 0;
    int longest = 0;
    std::string element;  ///< template of one value
};

struct MinuteOfDay {
    int hour = 0;
    int minute = 0;
};

struct StatementPlan {
    std::string name;
    std::string text;
    bool healthy = false;
    double rate = 0;                      ///< times a second; 0 where it follows another or waits for its minute
    std::vector<std::string> parameters;  ///< templates of $1, $2, …
    std::string follows;                  ///< "" where it follows none
    int followed_column = 0;              ///< from 0
    int repeat = 1;
    std::optional<ListPlan> list;
    bool send_literals = false;
    std::optional<MinuteOfDay> when;

    /// The text as it is sent, its list with `length` parameters after the others; the text itself without a list.
    [[nodiscard]] std::string text_of_length(int length) const;
    /// The same with the list's values written out.
    [[nodiscard]] std::string text_with_values(const std::vector<std::string>& values) const;
};

/// internal where the embedded file is not well-formed.
[[nodiscard]] base::Result<std::vector<StatementPlan>> shop_workload(const ShopNames& names);
[[nodiscard]] base::Result<std::vector<StatementPlan>> parse_workload(std::string_view rendered);

}  // namespace pganalytics::simulation
