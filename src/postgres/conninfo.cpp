#include "postgres/conninfo.hpp"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>

#include <memory>
#include <optional>

#include "base/text.hpp"
#include "postgres/blocking_calls.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using OptionList = std::unique_ptr<PQconninfoOption, FreeOptions>;

struct FinishConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};

Error not_understood() {
    return {ErrorCode::fix_input, "The connection string cannot be understood",
            "Write postgresql://user@host:port/database, with special characters in user name and password "
            "percent-encoded (@ is %40, / is %2F), or host=… port=… dbname=… user=…, with values that hold blanks in "
            "single quotes",
            "conninfo"};
}

bool is_numeric_address(const std::string& host) {
    in_addr four{};
    in6_addr six{};
    const auto without_scope = host.substr(0, host.find('%'));
    return inet_pton(AF_INET, host.c_str(), &four) == 1 || inet_pton(AF_INET6, without_scope.c_str(), &six) == 1;
}

bool is_socket(const std::string& host) {
    return host.empty() || host.front() == '/' || host.front() == '@';
}

bool valid_ports(const std::string& ports) {
    for (const auto& port : base::split(ports, ',')) {
        if (port.empty()) continue;
        const auto number = base::parse_integer(base::trim(port));
        if (!number || *number < 1 || *number > 65535) return false;
    }
    return true;
}

/// What a look-up leaves behind; shared with the thread that does it.
struct LookUp {
    std::string name;
    int status = EAI_AGAIN;
    std::vector<std::string> addresses;
};

void look_up(LookUp& it) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    it.status = getaddrinfo(it.name.c_str(), nullptr, &hints, &found);
    if (it.status != 0) return;
    // A name with very many addresses would make libpq try them all within one deadline.
    constexpr std::size_t most_addresses = 8;
    for (const auto* a = found; a != nullptr && it.addresses.size() < most_addresses; a = a->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
            it.addresses.emplace_back(text);
        }
    }
    freeaddrinfo(found);
}

std::string at(const std::vector<std::string>& list, std::size_t index) {
    if (list.empty()) return "";
    return list.size() == 1 ? list.front() : index < list.size() ? list[index] : "";
}

void append(std::string& list, bool first, const std::string& item) {
    if (!first) list += ',';
    list += item;
}

}  // namespace

base::Result<ConnectionOptions> effective_options(const base::Secret& conninfo) {
    const auto& text = conninfo.reveal();
    if (text.find('\0') != std::string::npos) return not_understood();
    char* message = nullptr;
    // Defaults are not merged here: this only tells a malformed string from a good one.
    const OptionList parsed(PQconninfoParse(text.c_str(), &message));
    PQfreemem(message);
    const bool looks_like_conninfo =
        text.find('=') != std::string::npos || text.starts_with("postgres://") || text.starts_with("postgresql://");
    if (looks_like_conninfo && parsed == nullptr) return not_understood();

    // libpq merges service file, environment and defaults only on the way to a connection. An impossible value stops it
    // after the merge and before the first packet, and PQconninfo tells what it had come to.
    const char* const keywords[] = {"dbname", "channel_binding", nullptr};
    const char* const values[] = {text.c_str(), "none: only asking", nullptr};
    const std::unique_ptr<PGconn, FinishConnection> probe(PQconnectStartParams(keywords, values, 1));
    const OptionList merged(probe ? PQconninfo(probe.get()) : nullptr);
    if (merged == nullptr) return Error{ErrorCode::internal, "libpq ran out of memory", "", ""};
    if (std::string_view(PQerrorMessage(probe.get())).find("channel") == std::string_view::npos) {
        const std::string_view said = PQerrorMessage(probe.get());
        if (said.find("service") != std::string_view::npos) {
            return Error{ErrorCode::fix_input, "The service named in the connection string is not defined",
                         "Add it to ~/.pg_service.conf, to the file that PGSERVICEFILE names, or to pg_service.conf in "
                         "`pg_config --sysconfdir`",
                         "conninfo"};
        }
    }
    ConnectionOptions options;
    for (const auto* option = merged.get(); option->keyword != nullptr; ++option) {
        const bool secret = option->dispchar != nullptr && option->dispchar[0] == '*';
        if (!secret) options[option->keyword] = option->val != nullptr ? option->val : "";
    }
    if (!valid_ports(options["port"])) return not_understood();
    for (const auto& host : base::split(options["host"], ',')) {
        // An unencoded @ in a URI's password makes its rest part of the host.
        if (!is_socket(host) && host.find_first_of("@ \t") != std::string::npos) return not_understood();
    }
    return options;
}

base::Result<ResolvedHosts> resolve_hosts(const ConnectionOptions& options, base::Deadline deadline) {
    const auto option = [&](const char* name) {
        const auto found = options.find(name);
        return found == options.end() ? std::string() : found->second;
    };
    if (!option("hostaddr").empty()) return ResolvedHosts{};
    const auto hosts = base::split(option("host"), ',');
    const auto ports = base::split(option("port"), ',');
    bool any_name = false;
    for (const auto& host : hosts) any_name = any_name || (!is_socket(host) && !is_numeric_address(host));
    if (!any_name || option("host").empty()) return ResolvedHosts{};

    ResolvedHosts resolved;
    bool first = true;
    const auto add = [&](const std::string& host, const std::string& address, const std::string& port) {
        append(resolved.host, first, host);
        append(resolved.hostaddr, first, address);
        append(resolved.port, first, port);
        first = false;
    };
    std::vector<std::string> unknown;
    bool timed_out = false;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (is_socket(hosts[i]) || is_numeric_address(hosts[i])) {
            add(hosts[i], is_socket(hosts[i]) ? "" : hosts[i], at(ports, i));
            continue;
        }
        const auto job = std::make_shared<LookUp>();
        job->name = hosts[i];
        if (!BlockingCalls::of_process().run([job] { look_up(*job); }, deadline)) {
            timed_out = true;
            unknown.push_back(hosts[i]);
            continue;
        }
        if (job->addresses.empty()) unknown.push_back(hosts[i]);
        for (const auto& address : job->addresses) add(hosts[i], address, at(ports, i));
    }
    if (first) {
        const auto names = base::join(unknown, ", ");
        return Error{ErrorCode::connect_failed,
                     timed_out ? "The host name " + names + " was not resolved in time"
                               : "The host name " + names + " does not resolve",
                     timed_out ? "The name servers of this machine do not answer: see /etc/resolv.conf, or give the "
                                 "address instead of the name"
                               : "Look at the spelling, or give the address instead of the name",
                     "conninfo"};
    }
    return resolved;
}

base::Result<Endpoint> endpoint_of(const base::Secret& conninfo) {
    PGANALYTICS_ASSIGN(auto options, effective_options(conninfo));
    return Endpoint{options["host"].empty() ? options["hostaddr"] : options["host"], options["port"],
                    options["dbname"].empty() ? options["user"] : options["dbname"], options["user"]};
}

std::string Endpoint::to_string() const {
    std::string text = user.empty() ? "" : user + "@";
    text += host.empty() ? "(default socket)" : host;
    if (!port.empty()) text += ":" + port;
    return text + "/" + database;
}

base::Result<base::Secret> with_database(const base::Secret& conninfo, std::string_view database_name) {
    PGANALYTICS_RETURN_IF_ERROR(effective_options(conninfo).has_value() ? base::Status{} : not_understood());
    char* message = nullptr;
    const auto& text = conninfo.reveal();
    const bool has_syntax =
        text.find('=') != std::string::npos || text.starts_with("postgres://") || text.starts_with("postgresql://");
    const OptionList parsed(has_syntax ? PQconninfoParse(text.c_str(), &message) : nullptr);
    PQfreemem(message);
    std::string result;
    const auto add = [&](std::string_view keyword, std::string_view value) {
        result += result.empty() ? "" : " ";
        result += keyword;
        result += "='";
        for (const char c : value) {
            if (c == '\'' || c == '\\') result += '\\';
            result += c;
        }
        result += "'";
    };
    if (parsed) {
        for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
            if (option->val != nullptr && std::string_view(option->keyword) != "dbname")
                add(option->keyword, option->val);
        }
    }
    add("dbname", database_name);
    return base::Secret(std::move(result));
}

}  // namespace pganalytics::postgres
