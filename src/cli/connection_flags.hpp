#pragma once
// psql's connection flags (-h -p -U -d -w -W) beside a connection string: URI, key=value, a database's name, PG*
// variables, service file and .pgpass all work because what the user gave goes to libpq untouched.

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "cli/terminal.hpp"

namespace CLI {
class App;
}

namespace pganalytics::cli {

class ConnectionFlags {
  public:
    /// Adds the flags and the optional positional CONNINFO. `-h` becomes the host, as in psql; help stays --help.
    void add_to(CLI::App& command);

    /// Whether anything was given.
    [[nodiscard]] bool given() const;
    /// What libpq is to connect with. Asks for a password where -W says so.
    [[nodiscard]] base::Result<base::Secret> conninfo(Terminal& terminal) const;
    /// Whether a failed login may be answered by asking for a password.
    [[nodiscard]] bool may_ask() const { return !never_ask_ && !always_ask_; }
    /// `conninfo` with a password added.
    [[nodiscard]] static base::Secret with_password(const base::Secret& conninfo, const base::Secret& password);

  private:
    std::string positional_;
    std::string host_, port_, user_, database_;
    bool never_ask_ = false;
    bool always_ask_ = false;
};

}  // namespace pganalytics::cli
