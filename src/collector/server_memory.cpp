// Whose memory is whose: the part of server_facts.hpp that looks at this machine.

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "collector/server_facts.hpp"

namespace pganalytics::collector {

namespace {

std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Seconds since the process began, where it is a PostgreSQL server process of this machine.
std::optional<double> age_of_server_process(std::int64_t pid) {
    // "4711 (postgres) S 1 …": the name may hold anything, the fields after it count from the last parenthesis.
    const auto stat = contents("/proc/" + std::to_string(pid) + "/stat");
    const auto end_of_name = stat.rfind(')');
    if (end_of_name == std::string::npos || stat.find("(postgres") == std::string::npos) return std::nullopt;
    constexpr std::size_t start_time = 20;  // field 22, counted from field 2's end
    std::istringstream fields(stat.substr(end_of_name + 1));
    std::string field;
    for (std::size_t i = 0; i < start_time; ++i) fields >> field;
    const auto started = base::parse_number(field);
    const auto uptime = base::parse_number(base::split(contents("/proc/uptime"), ' ').front());
    if (!started || !uptime) return std::nullopt;
    return *uptime - *started / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// The least memory.max from the server's control group up; containers and units are given less than the machine has.
std::optional<std::int64_t> group_limit(std::int64_t pid) {
    std::optional<std::int64_t> least;
    for (const auto& line : base::split(contents("/proc/" + std::to_string(pid) + "/cgroup"), '\n')) {
        if (!std::string_view(line).starts_with("0::/")) continue;
        std::string path = line.substr(3);
        while (path.size() > 1) {
            const auto limit = base::parse_integer(base::trim(contents("/sys/fs/cgroup" + path + "/memory.max")));
            if (limit && (!least || *limit < *least)) least = limit;
            path.resize(std::max<std::size_t>(1, path.rfind('/')));
        }
    }
    return least;
}

MachineMemory limited(MachineMemory memory, std::optional<std::int64_t> limit) {
    if (!limit || *limit <= 0 || *limit >= memory.total.value) return memory;
    memory.total.value = *limit;
    memory.available.value = std::min(memory.available.value, *limit);
    return memory;
}

/// The server's own /proc/meminfo, through its file functions.
constexpr std::string_view remote_sql = R"(
select pg_read_file('/proc/meminfo', 0, 8192, true),
       coalesce(pg_read_file('/sys/fs/cgroup/memory.max', 0, 64, true),
                pg_read_file('/sys/fs/cgroup/memory/memory.limit_in_bytes', 0, 64, true)))";

constexpr std::string_view may_read_sql = R"(
select pg_has_role(current_user, 'pg_read_server_files', 'usage')
       and has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'execute'))";

/// The process that serves this connection, where it runs here: through a Unix socket or from the server's own
/// address, and with a process of its number, name and age on this machine. A tunnel or a container's forwarded port
/// looks local by its addresses, and is not.
base::Result<std::optional<std::int64_t>> local_process(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(
        const auto row,
        connection.query("select inet_server_addr() is null or inet_server_addr() = inet_client_addr(), "
                         "pg_backend_pid(), extract(epoch from clock_timestamp() - backend_start)::float8 "
                         "from pg_stat_activity where pid = pg_backend_pid()"));
    if (row.empty() || !row.boolean(0, 0)) return std::optional<std::int64_t>();
    const auto pid = row.integer(0, 1);
    const auto age = row.number(0, 2);
    if (!pid || !age) return std::optional<std::int64_t>();
    const auto seen = age_of_server_process(*pid);
    constexpr double most_apart_seconds = 2;
    if (!seen || std::abs(*seen - *age) > most_apart_seconds) return std::optional<std::int64_t>();
    return std::optional(*pid);
}

}  // namespace

base::Result<bool> is_on_this_machine(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto process, local_process(connection));
    return process.has_value();
}

std::optional<MachineMemory> read_machine_memory() {
    return parse_meminfo(contents("/proc/meminfo"));
}

base::Result<std::optional<MachineMemory>> read_server_memory(postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto process, local_process(connection));
    if (process) {
        const auto memory = read_machine_memory();
        return memory ? std::optional(limited(*memory, group_limit(*process))) : std::nullopt;
    }
    PGANALYTICS_ASSIGN(const auto may_read, connection.query(may_read_sql));
    if (may_read.empty() || !may_read.boolean(0, 0)) return std::optional<MachineMemory>();
    // A server that is no Linux, or hides the file, leaves memory unknown.
    const auto read = connection.query(remote_sql);
    if (!read || read->empty()) return std::optional<MachineMemory>();
    const auto memory = parse_meminfo(read->text(0, 0));
    if (!memory) return std::optional<MachineMemory>();
    return std::optional(limited(*memory, base::parse_integer(base::trim(read->text(0, 1)))));
}

}  // namespace pganalytics::collector
