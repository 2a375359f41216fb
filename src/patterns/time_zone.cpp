#include "patterns/time_zone.hpp"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <string>

namespace pganalytics::patterns {
namespace {

using Instant = cctz::time_point<cctz::seconds>;

Instant to_instant(base::Timestamp at) {
    return std::chrono::floor<cctz::seconds>(at);
}

}  // namespace

struct TimeZone::Rules {
    std::string name;
    cctz::time_zone zone;
};

TimeZone::TimeZone() : rules_(std::make_shared<const Rules>(Rules{"UTC", cctz::utc_time_zone()})) {}

TimeZone::TimeZone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}

base::Result<TimeZone> TimeZone::find(std::string_view name) {
    if (name == "UTC" || name == "GMT" || name == "Etc/UTC" || name.empty()) return TimeZone();
    Rules rules{std::string(name), {}};
    if (!cctz::load_time_zone(rules.name, &rules.zone)) {
        return base::Error{base::ErrorCode::fix_input, "time zone \"" + rules.name + "\" is not known here",
                           "Use an IANA name such as Europe/Berlin, and install the package tzdata.", "time_zone"};
    }
    return TimeZone(std::make_shared<const Rules>(std::move(rules)));
}

const std::string& TimeZone::name() const {
    return rules_->name;
}

LocalTime TimeZone::local(base::Timestamp at) const {
    const auto found = rules_->zone.lookup(to_instant(at));
    const auto weekday = cctz::get_weekday(cctz::civil_day(found.cs));
    return {static_cast<int>(found.cs.year()),
            found.cs.month(),
            found.cs.day(),
            static_cast<int>(weekday),
            found.cs.hour(),
            found.cs.minute(),
            found.offset / 60};
}

double TimeZone::hours_of_day(base::Timestamp at) const {
    const cctz::civil_day day(cctz::convert(to_instant(at), rules_->zone));
    const auto span = cctz::convert(day + 1, rules_->zone) - cctz::convert(day, rules_->zone);
    return std::chrono::duration<double, std::ratio<3600>>(span).count();
}

bool TimeZone::changes_between(base::Timestamp from, base::Timestamp to) const {
    Instant at = to_instant(from);
    const int offset = rules_->zone.lookup(at).offset;
    cctz::time_zone::civil_transition transition;
    while (rules_->zone.next_transition(at, &transition)) {
        at = rules_->zone.lookup(transition.to).trans;
        if (at >= to_instant(to)) return false;
        if (rules_->zone.lookup(at).offset != offset) return true;
    }
    return false;
}

}  // namespace pganalytics::patterns
