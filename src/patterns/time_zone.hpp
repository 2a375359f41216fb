#pragma once
// The target's time zone, for words: "every weekday at 09:00 in Europe/Berlin (08:00 UTC)". Series stay in UTC.
// IANA names, read from the system's tzdata through CCTZ. Value type, cheap to copy, thread-safe.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"

namespace pganalytics::patterns {

/// A wall-clock reading.
struct LocalTime {
    int year = 1970;
    int month = 1;    ///< 1..12
    int day = 1;      ///< 1..31
    int weekday = 0;  ///< 0 Monday .. 6 Sunday
    int hour = 0;
    int minute = 0;
    int utc_offset_minutes = 0;
};

class TimeZone {
  public:
    /// UTC.
    TimeZone();
    /// An IANA name ("Europe/Berlin"), "UTC", or PostgreSQL's "GMT". fix_input where tzdata has no such zone.
    [[nodiscard]] static base::Result<TimeZone> find(std::string_view name);

    [[nodiscard]] const std::string& name() const;
    [[nodiscard]] LocalTime local(base::Timestamp at) const;
    /// Hours that the local day of `at` has: 23 and 25 on the days the clock is changed, else 24 (Lord
    /// Howe: 23.5, 24.5).
    [[nodiscard]] double hours_of_day(base::Timestamp at) const;
    /// True if the offset differs anywhere in [from, to): an hour of UTC is then two hours of the wall clock.
    [[nodiscard]] bool changes_between(base::Timestamp from, base::Timestamp to) const;

  private:
    struct Rules;
    explicit TimeZone(std::shared_ptr<const Rules> rules);
    std::shared_ptr<const Rules> rules_;
};

}  // namespace pganalytics::patterns
