#pragma once
// The targets: which servers are watched, how they are reached, who collects them now, and how the last visit went.
// A target's connection string is always stored sealed (store/sealing.hpp), with a key that lies outside the database;
// one that names a service, or leaves the password to .pgpass, holds no secret at all.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "store/repository.hpp"
#include "store/sealing.hpp"

namespace pganalytics::store {

struct Target {
    base::TargetId id{};
    std::string name;                              ///< unique, chosen by the user or "host:port"
    std::string conninfo_shown;                    ///< redacted, for people
    std::optional<std::string> system_identifier;  ///< of the server, once it was reached
    std::optional<int> server_version;             ///< 150018
    std::vector<std::string> database_filter;      ///< patterns of database names; empty: all that can be connected to
    std::string time_zone;                         ///< of the server's log, for words; "" unknown
    bool enabled = true;
    bool apply_allowed = false;  ///< the apply tier is configured
    /// Of its machine, as its user says; absent: not said.
    std::optional<base::Bytes> total_memory;
    std::string state;         ///< "new", "ok", "unreachable", "degraded"
    std::string state_detail;  ///< a sentence; redacted
    std::optional<base::Timestamp> last_collected_at;
    base::Timestamp created_at{};
};

struct NewTarget {
    std::string name;
    base::Secret conninfo;  ///< any form libpq takes; sealed as a whole when it holds a password
    std::vector<std::string> database_filter;
    bool apply_allowed = false;
};

/// What a visit learned about the server.
struct TargetFacts {
    std::string system_identifier;
    int server_version = 0;
    std::string time_zone;
};

class TargetStore {
  public:
    TargetStore(Repository& repository, SealingKey key) : repository_(&repository), key_(std::move(key)) {}

    /// conflict when the name is taken.
    [[nodiscard]] base::Result<Target> add(const NewTarget& target);
    /// Adds, or gives the one of that name with its connection replaced (`up` and `serve` with configured targets).
    [[nodiscard]] base::Result<Target> add_or_replace(const NewTarget& target);
    [[nodiscard]] base::Result<std::vector<Target>> list();
    [[nodiscard]] base::Result<Target> find(base::TargetId id);
    [[nodiscard]] base::Result<Target> find_by_name(std::string_view name);
    /// The connection, opened. not_allowed when this process's key is not the one it was sealed with.
    [[nodiscard]] base::Result<base::Secret> conninfo(base::TargetId id);
    /// Reaches it another way from now on; its history goes on. What was known of the old way is forgotten.
    [[nodiscard]] base::Result<Target> set_conninfo(base::TargetId id, const base::Secret& conninfo);
    /// not_found where it is not there.
    [[nodiscard]] base::Status set_total_memory(base::TargetId id, std::optional<base::Bytes> total_memory);
    /// Forgets the target and, unless `keep_history`, all that was collected from it.
    [[nodiscard]] base::Status remove(base::TargetId id, bool keep_history = false);

    [[nodiscard]] base::Status record_facts(base::TargetId id, const TargetFacts& facts);
    [[nodiscard]] base::Status record_state(base::TargetId id, std::string_view state, std::string_view detail);

    /// Takes up to `max_new` unheld targets under a lease, and renews those that `worker` holds; gives all it holds
    /// now.
    [[nodiscard]] base::Result<std::vector<Target>> claim(std::string_view worker, std::size_t max_new,
                                                          std::chrono::milliseconds lease);
    [[nodiscard]] base::Status release(std::string_view worker);

  private:
    Repository* repository_;
    SealingKey key_;
};

}  // namespace pganalytics::store
