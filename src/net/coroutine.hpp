#pragma once
// How `net` waits in coroutines: an awaited operation gives its error_code as a value, never as an exception. Internal
// to `net` (it includes Asio).

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <string>

namespace pganalytics::net {

inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

/// The words of an exception that ended a coroutine; "" where none did.
[[nodiscard]] inline std::string failure_text(const std::exception_ptr& failure) {
    if (!failure) return "";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
        return exception.what();
    }
}

}  // namespace pganalytics::net
