#pragma once
// What libpq makes of a connection string, found out without a connection: service files, PG* variables and defaults
// included. Names are looked up ahead of libpq, which would block on them. Reads files (service, passwords are left to
// libpq); no network except in `resolve_hosts`. Errors never quote the string: what libpq says about a malformed one
// may be a piece of its password.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

namespace pganalytics::postgres {

/// Option name → effective value, secrets left out ("" where unset).
using ConnectionOptions = std::map<std::string, std::string, std::less<>>;

/// Errors: fix_input (not a connection string, unknown service).
[[nodiscard]] base::Result<ConnectionOptions> effective_options(const base::Secret& conninfo);

/// host, hostaddr and port with every name replaced by its addresses (host repeated beside each, so that .pgpass and
/// certificate checks still see the name). Empty where nothing has to be looked up.
struct ResolvedHosts {
    std::string host, hostaddr, port;
    [[nodiscard]] bool empty() const { return hostaddr.empty(); }
};
/// Errors: connect_failed where no name resolves or the deadline passes.
[[nodiscard]] base::Result<ResolvedHosts> resolve_hosts(const ConnectionOptions& options, base::Deadline deadline);

}  // namespace pganalytics::postgres
