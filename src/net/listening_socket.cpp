#include "net/listening_socket.hpp"

#include <fmt/core.h>

#include <boost/asio/ip/v6_only.hpp>
#include <string>

namespace pganalytics::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Error;
using base::ErrorCode;
using boost::system::error_code;

base::Result<tcp::endpoint> endpoint_of(const ServerOptions& options) {
    const std::string address = options.address == "localhost" ? "127.0.0.1" : options.address;
    error_code error;
    const auto parsed = asio::ip::make_address(address, error);
    if (error) {
        return Error{ErrorCode::fix_input, fmt::format("\"{}\" is not an IP address to listen on.", options.address),
                     "Give an IPv4 or IPv6 address, such as 127.0.0.1 or ::1.", "address"};
    }
    return tcp::endpoint(parsed, options.port);
}

namespace {

Error bind_error(const ServerOptions& options, const error_code& error) {
    const auto where = fmt::format("{} port {}", options.address, options.port);
    if (error == asio::error::address_in_use) {
        return Error{
            ErrorCode::conflict, fmt::format("Another program is listening on {} already.", where),
            fmt::format("Choose another port, or stop that program: `ss -ltnp 'sport = :{}'` names it.", options.port),
            "port"};
    }
    if (error == asio::error::access_denied) {
        return Error{ErrorCode::not_allowed, fmt::format("This user may not listen on {}.", where),
                     "Use a port above 1023, or give the program CAP_NET_BIND_SERVICE.", "port"};
    }
    if (error == boost::system::errc::address_not_available) {
        return Error{ErrorCode::fix_input, fmt::format("This machine has no address {}.", options.address),
                     "`ip addr` lists those it has.", "address"};
    }
    return Error{ErrorCode::retry_later, fmt::format("Listening on {} failed: {}.", where, error.message()), "",
                 "port"};
}

}  // namespace

base::Status open_acceptor(tcp::acceptor& acceptor, const ServerOptions& options, const tcp::endpoint& endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
        acceptor.set_option(asio::ip::v6_only(false), error);
    }
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return bind_error(options, error);
    return {};
}

}  // namespace pganalytics::net
