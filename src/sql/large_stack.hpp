#pragma once
// Runs a function on a stack large enough for libpg_query's recursion. Internal to this module.

#include <cstddef>
#include <functional>

#include "base/result.hpp"

namespace pganalytics::sql {

/// A statement of at most this many tokens cannot recurse deeper than the caller's own stack (8 MB) holds: a level of
/// the tree takes at least one token, and about 6 kB of stack in the worst case measured (a nested subselect).
inline constexpr std::size_t tokens_for_callers_stack = 400;

/// Runs `work` to its end: here when `tokens` is small, else on a one-shot thread with a 512 MB stack, which is only
/// reserved, not used. retry_later where the thread cannot be made. `work` must not throw.
[[nodiscard]] base::Status run_with_stack_for(std::size_t tokens, const std::function<void()>& work);

}  // namespace pganalytics::sql
