#include "workload/statement.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "workload/counter_fields.hpp"

namespace pganalytics::workload {
namespace {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Σ over both of (x − common mean)², from each side's own sum of squares.
double combined_squares(double squares_a, double squares_b, const Counters& a, const Counters& b) {
    const double calls_a = static_cast<double>(a.calls);
    const double calls_b = static_cast<double>(b.calls);
    if (calls_a <= 0) return squares_b;
    if (calls_b <= 0) return squares_a;
    const double difference = b.mean_exec_time().count() - a.mean_exec_time().count();
    return squares_a + squares_b + difference * difference * calls_a * calls_b / (calls_a + calls_b);
}

/// What is left of `after` once `before` is taken out: the inverse of `combined_squares`.
std::optional<double> remaining_squares(const Counters& before, const Counters& after, const Counters& delta) {
    if (!after.sum_squared_deviation_ms2) return std::nullopt;
    if (before.calls == 0) return after.sum_squared_deviation_ms2;
    if (!before.sum_squared_deviation_ms2) return std::nullopt;
    if (delta.calls == 0) return 0.0;
    const double calls_before = static_cast<double>(before.calls);
    const double calls_delta = static_cast<double>(delta.calls);
    const double difference = delta.mean_exec_time().count() - before.mean_exec_time().count();
    const double between = difference * difference * calls_before * calls_delta / (calls_before + calls_delta);
    // The subtraction cancels; a tiny negative rest is rounding, not information.
    return std::max(0.0, *after.sum_squared_deviation_ms2 - *before.sum_squared_deviation_ms2 - between);
}

}  // namespace

std::optional<double> Counters::stddev_exec_time_ms() const {
    if (!sum_squared_deviation_ms2 || calls <= 0) return std::nullopt;
    return std::sqrt(*sum_squared_deviation_ms2 / static_cast<double>(calls));
}

Counters& Counters::operator+=(const Counters& other) {
    std::optional<double> squares;
    const bool known =
        (sum_squared_deviation_ms2 || calls == 0) && (other.sum_squared_deviation_ms2 || other.calls == 0);
    const bool any = sum_squared_deviation_ms2 || other.sum_squared_deviation_ms2;
    if (known && any) {
        squares = combined_squares(sum_squared_deviation_ms2.value_or(0), other.sum_squared_deviation_ms2.value_or(0),
                                   *this, other);
    }
    for (const CounterField& field : counter_fields) {
        std::visit(
            [&](auto member) {
                auto& mine = this->*member;
                const auto& theirs = other.*member;
                if constexpr (IsOptional<std::remove_cvref_t<decltype(mine)>>::value) {
                    if (theirs) mine = mine.value_or(0) + *theirs;
                } else {
                    mine += theirs;
                }
            },
            field.member);
    }
    sum_squared_deviation_ms2 = squares;
    return *this;
}

std::optional<Counters> counters_delta(const Counters& before, const Counters& after) {
    Counters delta;
    bool fell = false;
    for (const CounterField& field : counter_fields) {
        std::visit(
            [&](auto member) {
                const auto& old_value = before.*member;
                const auto& new_value = after.*member;
                if constexpr (IsOptional<std::remove_cvref_t<decltype(old_value)>>::value) {
                    if (!old_value || !new_value) return;
                    fell = fell || *new_value < *old_value;
                    delta.*member = *new_value - *old_value;
                } else {
                    fell = fell || new_value < old_value;
                    delta.*member = new_value - old_value;
                }
            },
            field.member);
    }
    if (fell) return std::nullopt;
    delta.sum_squared_deviation_ms2 = remaining_squares(before, after, delta);
    return delta;
}

void sort_by_total_time(Workload& workload) {
    std::ranges::sort(workload.statements, [](const ObservedStatement& a, const ObservedStatement& b) {
        if (a.sum.total_exec_time_ms != b.sum.total_exec_time_ms)
            return a.sum.total_exec_time_ms > b.sum.total_exec_time_ms;
        return a.query_hash < b.query_hash;
    });
}

}  // namespace pganalytics::workload
