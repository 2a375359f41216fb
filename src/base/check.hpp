#pragma once
// Broken invariants: bugs of ours, not expected failures. They print where and why, and abort.

#include <source_location>
#include <string_view>

namespace pganalytics::base {

[[noreturn]] void fail_invariant(std::string_view message,
                                 std::source_location where = std::source_location::current());

inline void check(bool holds, std::string_view message, std::source_location where = std::source_location::current()) {
    if (!holds) fail_invariant(message, where);
}

}  // namespace pganalytics::base
