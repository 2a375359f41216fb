#include "base/check.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace pganalytics::base {

void fail_invariant(std::string_view message, std::source_location where) {
    fmt::print(stderr, "pganalytics: broken invariant at {}:{}: {}\n", where.file_name(), where.line(), message);
    std::fflush(stderr);
    std::abort();
}

}  // namespace pganalytics::base
