#pragma once
// The address a server listens on, and why it cannot. Internal to `net` (it includes Asio).
// Errors: fix_input for an address that is none or not this machine's, conflict for a port in use, not_allowed for one
// this user may not have, retry_later for the rest.

#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"
#include "net/http_server.hpp"

namespace pganalytics::net {

[[nodiscard]] base::Result<boost::asio::ip::tcp::endpoint> endpoint_of(const ServerOptions& options);

/// Binds and listens; connections queue in the kernel from here on.
[[nodiscard]] base::Status open_acceptor(boost::asio::ip::tcp::acceptor& acceptor, const ServerOptions& options,
                                         const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace pganalytics::net
