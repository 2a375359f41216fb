#pragma once
// OpenSSL contexts for server and client: TLS 1.2 and newer. Internal to `net` (it includes Asio).
// Errors: fix_input naming the file that cannot be used and why.
// Thread safety: a context is not changed once it is made; share it as const-like between connections.

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/http_server.hpp"

namespace pganalytics::net {

[[nodiscard]] base::Result<std::shared_ptr<boost::asio::ssl::context>> server_tls(const TlsFiles& files);

/// Verifies the peer against `trusted_certificates` (PEM file), or the system's store where it is "".
[[nodiscard]] base::Result<std::shared_ptr<boost::asio::ssl::context>> client_tls(
    const std::string& trusted_certificates);

}  // namespace pganalytics::net
