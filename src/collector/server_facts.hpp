#pragma once
// What is true of a whole server, whichever of its databases we are connected to. Read in one round trip, with no more
// than the role's own rights: what it may not see is absent. A fact changes only with a restart, a reload or a
// privilege, so that comparing two readings says what happened between them.
//
// A Connection is used by one thread; the values are plain.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "catalog/catalog.hpp"
#include "postgres/connection.hpp"

namespace pganalytics::collector {

struct DatabaseFacts {
    base::Oid oid{};
    std::string name;
    std::string encoding;      ///< "UTF8", "SQL_ASCII", …
    bool can_connect = false;  ///< allows connections and the role has CONNECT
};

struct ServerFacts {
    /// pg_control_system(): the same on a primary and its standbys. Absent where the role may not call it.
    std::optional<std::int64_t> system_identifier;
    catalog::ServerVersion version;
    base::Timestamp now;            ///< the server's clock
    base::Timestamp started_at;     ///< pg_postmaster_start_time()
    base::Timestamp configured_at;  ///< pg_conf_load_time()
    bool standby = false;
    std::string role;
    bool superuser = false;
    bool monitor = false;        ///< member of pg_monitor (or of pg_read_all_stats and pg_read_all_settings)
    bool read_all_data = false;  ///< member of pg_read_all_data; never before 14
    int connection_limit = -1;   ///< of the role; -1 none
    std::string time_zone;
    std::vector<DatabaseFacts> databases;  ///< templates left out, by name

    [[nodiscard]] const DatabaseFacts* find_database(base::Oid oid) const;
};

[[nodiscard]] base::Result<ServerFacts> read_server_facts(postgres::Connection& connection);

/// Names of roles by oid, of those asked that still exist.
[[nodiscard]] base::Result<std::map<base::Oid, std::string>> read_role_names(postgres::Connection& connection,
                                                                             const std::set<base::Oid>& roles);

/// Names that LIKE-style patterns with `*` and `?` let through: `include` empty means all; `exclude` wins.
struct DatabaseFilter {
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    /// Patterns in one list, those that exclude after a "!".
    [[nodiscard]] static DatabaseFilter of(const std::vector<std::string>& patterns);
    [[nodiscard]] bool admits(std::string_view database_name) const;
    bool operator==(const DatabaseFilter&) const = default;
};

/// Whether the server runs on this machine, proved by its process: addresses alone would believe a tunnel.
[[nodiscard]] base::Result<bool> is_on_this_machine(postgres::Connection& connection);

/// Physical memory of this machine. Of a server elsewhere memory is unknown, never guessed.
struct MachineMemory {
    base::Bytes total{};
    base::Bytes available{};
    [[nodiscard]] double available_percent() const;
};
/// From /proc/meminfo; nullopt where there is none.
[[nodiscard]] std::optional<MachineMemory> read_machine_memory();
/// Of the server's machine, less where its control group has less: ours where it runs here, else as its own
/// /proc/meminfo says where the role may read server files; nullopt elsewhere.
[[nodiscard]] base::Result<std::optional<MachineMemory>> read_server_memory(postgres::Connection& connection);
/// From the text of /proc/meminfo.
[[nodiscard]] std::optional<MachineMemory> parse_meminfo(std::string_view text);

}  // namespace pganalytics::collector
