#include "simulation/shop_workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/text.hpp"
#include "simulation/shop_files.hpp"

namespace pganalytics::simulation {

namespace {

constexpr std::string_view list_place = "[list]";

base::Error malformed(std::string_view line) {
    return {base::ErrorCode::internal, fmt::format("The sample's workload is not well-formed: {}", line), "", ""};
}

std::string with_list(const std::string& text, const std::string& list) {
    const auto at = text.find(list_place);
    return at == std::string::npos ? text : text.substr(0, at) + list + text.substr(at + list_place.size());
}

base::Result<ListPlan> parse_list(std::string_view value) {
    std::istringstream stream{std::string(value)};
    ListPlan list;
    stream >> list.shortest >> list.longest;
    std::getline(stream, list.element);
    list.element = base::trim(list.element);
    if (!stream || list.shortest < 1 || list.longest < list.shortest || list.element.empty()) return malformed(value);
    return list;
}

base::Result<MinuteOfDay> parse_minute(std::string_view value) {
    const auto hour = base::parse_integer(value.substr(0, value.find(':')));
    const auto minute = base::parse_integer(value.substr(std::min(value.size(), value.find(':') + 1)));
    if (!hour || !minute || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59) return malformed(value);
    return MinuteOfDay{static_cast<int>(*hour), static_cast<int>(*minute)};
}

/// One "key: value" of a statement's head.
base::Status read_property(StatementPlan& plan, std::string_view key, std::string_view value) {
    if (key == "healthy") {
        plan.healthy = true;
    } else if (key == "rate") {
        const auto rate = base::parse_number(value);
        if (!rate || *rate <= 0) return malformed(value);
        plan.rate = *rate;
    } else if (key == "repeat") {
        plan.repeat = static_cast<int>(base::parse_integer(value).value_or(0));
        if (plan.repeat < 1) return malformed(value);
    } else if (key == "send") {
        plan.send_literals = value == "literals";
    } else if (key == "list") {
        PGANALYTICS_ASSIGN(plan.list, parse_list(value));
    } else if (key == "when") {
        PGANALYTICS_ASSIGN(plan.when, parse_minute(value));
    } else if (key == "follows") {
        std::istringstream stream{std::string(value)};
        std::string word;
        stream >> plan.follows >> word >> plan.followed_column;
        if (!stream || plan.followed_column < 1) return malformed(value);
        --plan.followed_column;
    } else if (!key.empty() && key.front() == '$') {
        if (base::parse_integer(key.substr(1)) != static_cast<std::int64_t>(plan.parameters.size() + 1)) {
            return malformed(key);
        }
        plan.parameters.emplace_back(value);
    } else {
        return malformed(key);
    }
    return {};
}

base::Status check_plan(const StatementPlan& plan) {
    const bool has_place = plan.text.find(list_place) != std::string::npos;
    const bool started = plan.rate > 0 || plan.when.has_value() || !plan.follows.empty();
    if (plan.text.empty() || !started || has_place != plan.list.has_value()) return malformed(plan.name);
    return {};
}

}  // namespace

std::string StatementPlan::text_of_length(int length) const {
    if (!list) return text;
    std::vector<std::string> places;
    for (int i = 1; i <= length; ++i)
        places.push_back(fmt::format("${}", parameters.size() + static_cast<std::size_t>(i)));
    return with_list(text, base::join(places, ", "));
}

std::string StatementPlan::text_with_values(const std::vector<std::string>& values) const {
    return with_list(text, base::join(values, ", "));
}

base::Result<std::vector<StatementPlan>> parse_workload(std::string_view rendered) {
    std::vector<StatementPlan> plans;
    bool in_head = false;
    for (const auto& raw : base::split(rendered, '\n')) {
        const auto line = base::trim(raw);
        if (line.substr(0, 14) == "-- statement: ") {
            plans.emplace_back();
            plans.back().name = line.substr(14);
            in_head = true;
        } else if (line.substr(0, 3) == "-- " && in_head) {
            const auto colon = line.find(": ");
            const auto key = base::trim(line.substr(3, colon == std::string_view::npos ? colon : colon - 3));
            const auto value =
                colon == std::string_view::npos ? std::string_view{} : base::trim(line.substr(colon + 2));
            PGANALYTICS_RETURN_IF_ERROR(read_property(plans.back(), key, value));
        } else if (!line.empty() && line.substr(0, 2) != "--") {
            if (plans.empty()) return malformed(line);
            in_head = false;
            auto& text = plans.back().text;
            text +=
                (text.empty() ? "" : "\n") + std::string(line.back() == ';' ? line.substr(0, line.size() - 1) : line);
        }
    }
    for (const auto& plan : plans) PGANALYTICS_RETURN_IF_ERROR(check_plan(plan));
    return plans;
}

base::Result<std::vector<StatementPlan>> shop_workload(const ShopNames& names) {
    PGANALYTICS_ASSIGN(const auto rendered, names.render(shop_files::workload()));
    return parse_workload(rendered);
}

}  // namespace pganalytics::simulation
