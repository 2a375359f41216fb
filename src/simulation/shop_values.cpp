#include "simulation/shop_values.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "base/units.hpp"

namespace pganalytics::simulation {

namespace {

constexpr double seconds_per_day = 86400;

base::Error unknown(const std::vector<std::string>& words) {
    return {base::ErrorCode::internal, fmt::format("The sample has no generator [{}]", base::join(words, " ")), "", ""};
}

/// `from` moved by a number of days, as text.
base::Result<std::string> moved(std::string_view from, double days) {
    PGANALYTICS_ASSIGN(const auto time, base::parse_rfc3339(from));
    return base::to_rfc3339(time + std::chrono::microseconds(std::llround(days * seconds_per_day * 1e6)));
}

/// The value of parameter `number` ("1" is the first), or nullptr.
const std::string* parameter(const std::string& number, const std::vector<std::string>& earlier) {
    const auto at = base::parse_integer(number).value_or(0);
    return at >= 1 && static_cast<std::size_t>(at) <= earlier.size() ? &earlier[static_cast<std::size_t>(at) - 1]
                                                                     : nullptr;
}

}  // namespace

double ShopValues::share() {
    return static_cast<double>(random_() >> 11) / 9007199254740992.0;
}

std::int64_t ShopValues::between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(share() * static_cast<double>(high - low + 1));
}

base::Result<std::string> ShopValues::generate(const std::vector<std::string>& words,
                                               const std::vector<std::string>& earlier) {
    if (words.size() < 2) return unknown(words);
    const auto& what = words[0];
    if (what == "key" || what == "hot") {
        const auto* table = names_.find_table(words[1]);
        if (table == nullptr) return unknown(words);
        if (what == "key") return std::to_string(between(1, table->rows));
        // Favourites: the square puts half of the calls on the first quarter of the rows.
        const double at = share();
        return std::to_string(1 + static_cast<std::int64_t>(at * at * static_cast<double>(table->rows)));
    }
    if (what == "pick") {
        const auto* texts = names_.find_texts(words[1]);
        if (texts == nullptr) return unknown(words);
        return (*texts)[static_cast<std::size_t>(between(1, static_cast<std::int64_t>(texts->size()))) - 1];
    }
    if (words.size() < 3) return unknown(words);
    if (what == "number") {
        const auto low = base::parse_integer(words[1]);
        const auto high = base::parse_integer(words[2]);
        if (!low || !high) return unknown(words);
        return std::to_string(between(*low, *high));
    }
    if (what == "days") {
        const auto nearest = base::parse_number(words[1]);
        const auto farthest = base::parse_number(words[2]);
        if (!nearest || !farthest) return unknown(words);
        return moved(shop_now, -(*nearest + share() * (*farthest - *nearest)));
    }
    const auto* before = parameter(words[1], earlier);
    if (before == nullptr) return unknown(words);
    if (what == "same") {
        const auto days = words.size() == 4 ? base::parse_number(words[3]) : std::nullopt;
        if (!days) return unknown(words);
        return moved(*before, *days);
    }
    if (what == "wrap") {
        auto number = base::parse_integer(*before);
        for (std::size_t i = 2; i < words.size() && number; ++i) {
            const auto divisor = base::parse_integer(words[i]);
            if (!divisor || *divisor < 1) return unknown(words);
            number = *number % *divisor;
        }
        if (number) return std::to_string(*number + 1);
    }
    return unknown(words);
}

base::Result<std::string> ShopValues::make(std::string_view text, const std::vector<std::string>& earlier) {
    std::string value;
    for (std::size_t at = 0; at < text.size();) {
        const auto open = text.find('[', at);
        const auto close = open == std::string_view::npos ? open : text.find(']', open);
        if (close == std::string_view::npos) {
            value += text.substr(at);
            break;
        }
        value += text.substr(at, open - at);
        PGANALYTICS_ASSIGN(const auto made,
                           generate(base::split(text.substr(open + 1, close - open - 1), ' '), earlier));
        value += made;
        at = close + 1;
    }
    return value;
}

base::Result<std::vector<std::string>> ShopValues::make_all(const std::vector<std::string>& templates) {
    std::vector<std::string> values;
    for (const auto& text : templates) {
        PGANALYTICS_ASSIGN(auto value, make(text, values));
        values.push_back(std::move(value));
    }
    return values;
}

}  // namespace pganalytics::simulation
