#pragma once
// Connections to one server, over all of its databases, never more than a handful: a role's CONNECTION LIMIT and the
// server's max_connections count over the whole server. A connection that is free serves the next caller of the same
// database; where all places are taken by idle connections to other databases, the one idle longest is closed for the
// new one; where all are in use, `acquire` waits.
// Thread-safe; the leases it gives out are used by one thread each. The pool may be destroyed before its leases.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::postgres {

class Pool {
  public:
    static constexpr std::size_t default_cap = 5;

    /// `conninfo` leads to the server; its database is that of `acquire("")`.
    Pool(base::Secret conninfo, ConnectOptions options, std::size_t cap = default_cap);

    /// A connection on loan. Given back when destroyed; one that broke, or was left inside a transaction, is closed.
    class Lease {
      public:
        ~Lease();
        Lease(Lease&&) noexcept;
        Lease& operator=(Lease&&) = delete;
        [[nodiscard]] Connection& operator*() { return *connection_; }
        [[nodiscard]] Connection* operator->() { return &*connection_; }

      private:
        friend class Pool;
        struct State;
        Lease(std::shared_ptr<State> state, std::string database, Connection connection);
        std::shared_ptr<State> state_;
        std::string database_;
        std::optional<Connection> connection_;
    };

    /// Errors: those of Connection::open; retry_later where no place becomes free within `patience`.
    [[nodiscard]] base::Result<Lease> acquire(std::string_view database = "",
                                              std::chrono::milliseconds patience = std::chrono::seconds(10));

    /// Connections that exist now, in use or idle.
    [[nodiscard]] std::size_t open_connections() const;
    /// Closes what is idle: before a database is dropped, or after a target was unreachable.
    void close_idle();

  private:
    std::shared_ptr<Lease::State> state_;
};

}  // namespace pganalytics::postgres
