#include "cli/connection_flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <utility>
#include <vector>

namespace pganalytics::cli {

namespace {

bool is_uri(std::string_view text) {
    return text.starts_with("postgres://") || text.starts_with("postgresql://");
}

/// A value in a key=value string.
std::string quoted_value(std::string_view value) {
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') text += '\\';
        text += c;
    }
    return text + "'";
}

std::string percent_encoded(std::string_view value) {
    std::string text;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= '0' && byte <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        text += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    return text;
}

/// `base` (URI, key=value or a database's name) with further keys, which win.
std::string with_keys(const std::string& base, const std::vector<std::pair<std::string, std::string>>& keys) {
    if (is_uri(base)) {
        std::string text = base;
        for (const auto& [key, value] : keys) {
            text += text.find('?') == std::string::npos ? '?' : '&';
            text += key + "=" + percent_encoded(value);
        }
        return text;
    }
    std::string text;
    if (base.find('=') != std::string::npos) {
        text = base;
    } else if (!base.empty()) {
        text = "dbname=" + quoted_value(base);
    }
    for (const auto& [key, value] : keys) text += (text.empty() ? "" : " ") + key + "=" + quoted_value(value);
    return text;
}

}  // namespace

void ConnectionFlags::add_to(CLI::App& command) {
    command.set_help_flag("--help,-?", "Print this help and exit");
    command.add_option("conninfo", positional_, "Connection string: a URI, key=value pairs or a database's name")
        ->type_name("CONNINFO");
    command.add_option("-h,--host", host_, "Server host or socket folder")->type_name("HOST")->group("Connection");
    command.add_option("-p,--port", port_, "Server port")->type_name("PORT")->group("Connection");
    command.add_option("-U,--username", user_, "Role to connect as")->type_name("ROLE")->group("Connection");
    command.add_option("-d,--dbname", database_, "Database to connect to, or a connection string")
        ->type_name("DBNAME")
        ->group("Connection");
    command.add_flag("-w,--no-password", never_ask_, "Never ask for a password")->group("Connection");
    command.add_flag("-W,--password", always_ask_, "Ask for a password before connecting")->group("Connection");
}

bool ConnectionFlags::given() const {
    return !positional_.empty() || !host_.empty() || !port_.empty() || !user_.empty() || !database_.empty();
}

base::Result<base::Secret> ConnectionFlags::conninfo(Terminal& terminal) const {
    const bool database_is_string = is_uri(database_) || database_.find('=') != std::string::npos;
    if (!positional_.empty() && database_is_string) {
        return base::Error{base::ErrorCode::usage, "Two connection strings were given.",
                           "Give one, or a plain name after -d.", "--dbname"};
    }
    const std::string& base_text = database_is_string ? database_ : positional_;
    std::vector<std::pair<std::string, std::string>> keys;
    if (!host_.empty()) keys.emplace_back("host", host_);
    if (!port_.empty()) keys.emplace_back("port", port_);
    if (!user_.empty()) keys.emplace_back("user", user_);
    if (!database_.empty() && !database_is_string) keys.emplace_back("dbname", database_);
    base::Secret result(with_keys(base_text, keys));
    if (!always_ask_) return result;
    if (!terminal.can_ask()) {
        return base::Error{base::ErrorCode::usage, "-W asks for a password, and there is no terminal to ask on.",
                           "Put it into ~/.pgpass or PGPASSWORD instead.", "--password"};
    }
    return with_password(result, terminal.ask_password("Password: "));
}

base::Secret ConnectionFlags::with_password(const base::Secret& conninfo, const base::Secret& password) {
    return base::Secret(with_keys(conninfo.reveal(), {{"password", password.reveal()}}));
}

}  // namespace pganalytics::cli
