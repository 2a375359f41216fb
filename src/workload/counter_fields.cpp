#include "workload/counter_fields.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"

namespace pganalytics::workload {

base::Result<ExtensionVersion> parse_extension_version(std::string_view text) {
    const auto parts = base::split(text, '.');
    if (parts.size() == 2) {
        const auto major = base::parse_integer(parts[0]);
        const auto minor = base::parse_integer(parts[1]);
        if (major && minor && *major >= 0 && *minor >= 0 && *major < 1000 && *minor < 1000) {
            return ExtensionVersion{static_cast<int>(*major), static_cast<int>(*minor)};
        }
    }
    return base::Error{.code = base::ErrorCode::fix_input,
                       .message = fmt::format("'{}' is not a version of pg_stat_statements.", text),
                       .hint = "A version looks like 1.10.",
                       .field = {}};
}

std::optional<double> counter_value(const Counters& counters, const CounterField& field) {
    return std::visit(
        [&](auto member) -> std::optional<double> {
            const auto& value = counters.*member;
            if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
                return static_cast<double>(value);
            } else {
                return value ? std::optional<double>(static_cast<double>(*value)) : std::nullopt;
            }
        },
        field.member);
}

std::optional<std::string> counter_text(const Counters& counters, const CounterField& field) {
    return std::visit(
        [&](auto member) -> std::optional<std::string> {
            const auto& value = counters.*member;
            if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
                return fmt::format("{}", value);
            } else {
                return value ? std::optional<std::string>(fmt::format("{}", *value)) : std::nullopt;
            }
        },
        field.member);
}

base::Status set_counter(Counters& counters, const CounterField& field, std::optional<std::string_view> text) {
    const auto refuse = [&] {
        return base::Error{.code = base::ErrorCode::fix_input,
                           .message = fmt::format("Counter {} holds '{}', which is not a number.", field.name, *text),
                           .hint = {},
                           .field = std::string(field.name)};
    };
    if (!text) {
        std::visit([&](auto member) { counters.*member = {}; }, field.member);
        return {};
    }
    return std::visit(
        [&](auto member) -> base::Status {
            using Value = std::remove_cvref_t<decltype(counters.*member)>;
            if constexpr (std::is_same_v<Value, double> || std::is_same_v<Value, std::optional<double>>) {
                const auto number = base::parse_number(*text);
                if (!number) return refuse();
                counters.*member = *number;
            } else {
                const auto number = base::parse_integer(*text);
                if (!number) return refuse();
                counters.*member = *number;
            }
            return {};
        },
        field.member);
}

}  // namespace pganalytics::workload
