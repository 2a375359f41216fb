#include "store/stored_counters.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace pganalytics::store {
namespace {

using workload::Counters;

bool is_known(const Counters& counters, const workload::CounterField& field) {
    return std::visit(
        [&](auto member) {
            using Value = std::remove_cvref_t<decltype(counters.*member)>;
            if constexpr (std::is_arithmetic_v<Value>) {
                return true;
            } else {
                return (counters.*member).has_value();
            }
        },
        field.member);
}

/// Σ(x − mean)² of a group from its members' own (Chan, Golub, LeVeque): what the members sum up to around 0, less the
/// group's mean.
constexpr std::string_view aggregated_squares =
    "nullif(greatest(0, sum(coalesce(m.sum_squared_deviation_ms2, 0) + m.total_exec_time_ms * m.total_exec_time_ms / "
    "nullif(m.calls, 0)) "
    "- sum(m.total_exec_time_ms) * sum(m.total_exec_time_ms) / nullif(sum(m.calls), 0)::double precision), 0)";

}  // namespace

const workload::CounterField& field_of(const StoredCounter& counter) {
    const auto found = std::ranges::find(workload::counter_fields, counter.name, &workload::CounterField::name);
    base::check(found != workload::counter_fields.end(), "a stored counter is no counter");
    return *found;
}

std::int32_t absent_bits(const Counters& counters) {
    std::int32_t bits = counters.sum_squared_deviation_ms2 ? 0 : 1 << squares_bit;
    for (const auto& counter : stored_counters) {
        if (counter.absent_bit >= 0 && !is_known(counters, field_of(counter))) bits |= 1 << counter.absent_bit;
    }
    return bits;
}

std::string aggregate_columns() {
    std::string text;
    for (const auto& counter : stored_counters) {
        text += fmt::format("nullif(sum(m.{0}){1}, 0) as {0}, ", counter.name,
                            field_of(counter).is_integer() ? "::bigint" : "");
    }
    // A counter is unknown where every row lacks it; the squares already where one does.
    text += fmt::format("{} as {}, (bit_and(m.absent) | (bit_or(m.absent) & {})) as absent", aggregated_squares,
                        squares_column, 1 << squares_bit);
    return text;
}

std::string counter_column_names() {
    std::string text;
    for (const auto& counter : stored_counters) text += std::string(counter.name) + ", ";
    return text + std::string(squares_column) + ", absent";
}

std::string add_on_conflict() {
    std::string text = "on conflict (target_id, statement_id, begins) do update set ";
    for (const auto& counter : stored_counters) {
        text += fmt::format("{0} = nullif(coalesce(m.{0}, 0) + coalesce(excluded.{0}, 0), 0), ", counter.name);
    }
    text += fmt::format(
        "{0} = nullif(coalesce(m.{0}, 0) + coalesce(excluded.{0}, 0)"
        " + coalesce((excluded.total_exec_time_ms / nullif(excluded.calls, 0) - m.total_exec_time_ms / nullif(m.calls, "
        "0)) ^ 2"
        " * m.calls * excluded.calls / nullif(m.calls + excluded.calls, 0), 0), 0), ",
        squares_column);
    text +=
        fmt::format("absent = (m.absent & excluded.absent) | ((m.absent | excluded.absent) & {}), ", 1 << squares_bit);
    text +=
        "active_from_s = least(m.active_from_s, excluded.active_from_s), "
        "active_to_s = greatest(m.active_to_s, excluded.active_to_s), "
        "peak_calls_per_minute = greatest(m.peak_calls_per_minute, excluded.peak_calls_per_minute)";
    return text;
}

Counters counters_of(const postgres::Rows& rows, std::size_t row, std::size_t first) {
    Counters counters;
    const std::size_t squares = first + stored_counters.size();
    const auto absent = rows.integer(row, squares + 1).value_or(0);
    for (std::size_t i = 0; i < stored_counters.size(); ++i) {
        const auto& counter = stored_counters[i];
        if (counter.absent_bit >= 0 && (absent & (1 << counter.absent_bit)) != 0) continue;
        // Our own columns: their text is a number.
        const auto set = workload::set_counter(counters, field_of(counter), rows.cell(row, first + i).value_or("0"));
        base::check(set.has_value(), "a stored counter holds no number");
    }
    if ((absent & (1 << squares_bit)) == 0) counters.sum_squared_deviation_ms2 = rows.number(row, squares).value_or(0);
    return counters;
}

}  // namespace pganalytics::store
