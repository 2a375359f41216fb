#include "postgres/private_cluster.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "postgres/child_process.hpp"
#include "postgres/connection.hpp"
#include "postgres/private_cluster_host.hpp"

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using namespace std::chrono_literals;

constexpr std::string_view include_line = "include 'pganalytics.conf'";

/// A value as postgresql.conf and conninfo strings have it.
std::string quoted(std::string_view value, std::string_view quote_escape) {
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'') text += quote_escape;
        if (c == '\\') text += '\\';
        if (c == '\'') continue;
        text += c;
    }
    return text + "'";
}

std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

base::Status write_private_file(const fs::path& file, std::string_view text, const ProcessUser& user,
                                int flags = O_TRUNC) {
    const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    bool done = descriptor >= 0;
    if (done && user.drops_root) done = fchown(descriptor, user.uid, user.gid) == 0;
    while (done && !text.empty()) {
        const ssize_t count = write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        done = count > 0;
        if (done) text.remove_prefix(static_cast<std::size_t>(count));
    }
    const int reason = errno;
    if (descriptor >= 0) close(descriptor);
    if (done) return {};
    const bool full = reason == ENOSPC || reason == EDQUOT;
    return Error{
        .code = full ? ErrorCode::retry_later : ErrorCode::grant_access,
        .message = "Cannot write " + file.string() + ": " + std::strerror(reason) + ".",
        .hint = full ? "Free some space on that disk." : "The folder must belong to the user who starts pganalytics.",
        .field = "state.folder"};
}

/// What went wrong, from what PostgreSQL's programs printed; the disk named where it is full.
Error failure_of(std::string what, const fs::path& folder, std::string_view output) {
    Error error{.code = ErrorCode::retry_later, .message = {}, .hint = {}, .field = {}};
    if (output.find("No space left on device") != std::string_view::npos ||
        output.find("Disk quota exceeded") != std::string_view::npos ||
        output.find("File too large") != std::string_view::npos) {
        std::error_code unknown;
        const auto space = fs::space(folder, unknown);
        error.message = what + ": the disk that holds " + folder.string() + " is full";
        if (!unknown)
            error.message += " (" + base::to_words(base::Bytes{static_cast<std::int64_t>(space.available)}) + " left)";
        error.message += ".";
        error.hint = "Free some space there, or name a state folder on another disk with --state.";
        return error;
    }
    // What led to a FATAL is often only in the LOG line before it (an invalid setting).
    std::string reason, before;
    for (const auto& line : base::split(output, '\n')) {
        for (const std::string_view mark : {"LOG:", "FATAL:", "PANIC:", "error:", "ERROR:"}) {
            const auto at = line.find(mark);
            if (at == std::string::npos) continue;
            const std::string said(base::trim(std::string_view(line).substr(at + mark.size())));
            if (mark != "LOG:") reason = before.empty() ? said : before + "; " + said;
            before = mark == "LOG:" ? said : "";
        }
    }
    if (reason.empty()) reason = base::one_line(output, 300);
    error.message = what + ": " + (reason.empty() ? "no reason was given" : reason) + ".";
    error.hint = "Its log is in " + (folder / "log").string() + ".";
    return error;
}

Error other_major(const fs::path& data, int wanted, int installed) {
    const auto number = std::to_string(wanted);
    return {.code = ErrorCode::unsupported,
            .message = "The data folder " + data.string() + " was made by PostgreSQL " + number +
                       ", and the server here is PostgreSQL " + std::to_string(installed) + ".",
            .hint = "Install PostgreSQL " + number + " beside it (Debian: apt-get install postgresql-" + number +
                    "), bring the folder over with pg_upgrade, or start anew with another --state.",
            .field = "state.folder"};
}

}  // namespace

struct PrivateCluster::Impl {
    PrivateClusterOptions options;
    ProcessUser user;
    std::optional<FolderLock> lock;
    fs::path data, socket_folder;
    int major = 0;
    base::Secret password;
    std::unique_ptr<ServerProcess> server;

    [[nodiscard]] std::uint16_t port() const { return options.tcp_port.value_or(5432); }
    [[nodiscard]] std::string program(std::string_view name) const { return (options.binaries / name).string(); }

    base::Status prepare_folder();
    base::Status choose_binaries();
    base::Status ensure_password();
    base::Status initialise();
    base::Status write_settings() const;
    base::Status end_left_over_servers() const;
    base::Status launch();
    base::Status wait_until_ready();
    base::Status ensure_database() const;
    base::Status start();
    base::Status stop(std::chrono::milliseconds patience);
    [[nodiscard]] std::string recent_output() const;
    [[nodiscard]] base::Secret conninfo(std::string_view database) const;
};

base::Status PrivateCluster::Impl::prepare_folder() {
    std::error_code failure;
    options.folder = fs::absolute(options.folder, failure).lexically_normal();
    data = options.folder / "data";
    PGANALYTICS_RETURN_IF_ERROR(make_private_folder(options.folder, user));
    PGANALYTICS_RETURN_IF_ERROR(check_reachable(options.folder, user));
    PGANALYTICS_ASSIGN(lock, FolderLock::acquire(options.folder));
    PGANALYTICS_RETURN_IF_ERROR(make_private_folder(options.folder / "log", user));
    PGANALYTICS_ASSIGN(socket_folder, make_socket_folder(options.runtime_folder, options.folder, user));
    return {};
}

base::Status PrivateCluster::Impl::choose_binaries() {
    const auto made_by = base::parse_integer(base::trim(read_file(data / "PG_VERSION")));
    if (options.binaries.empty() && made_by) {
        if (auto fitting = binaries_of_major(static_cast<int>(*made_by))) options.binaries = *fitting;
    }
    PGANALYTICS_ASSIGN(options.binaries, find_server_binaries(options.binaries));
    PGANALYTICS_ASSIGN(major, major_of_binaries(options.binaries));
    if (made_by && *made_by != major) return other_major(data, static_cast<int>(*made_by), major);
    if (major < oldest_supported_major) {
        return Error{
            .code = ErrorCode::unsupported,
            .message = "PostgreSQL " + std::to_string(major) + " in " + options.binaries.string() + " is too old.",
            .hint = "Install PostgreSQL " + std::to_string(oldest_supported_major) + " or newer.",
            .field = "state.postgres_bin_folder"};
    }
    return {};
}

base::Status PrivateCluster::Impl::ensure_password() {
    const fs::path file = options.folder / "password";
    password = base::Secret(std::string(base::trim(read_file(file))));
    if (!password.empty()) return {};
    if (fs::exists(data / "PG_VERSION")) {
        return Error{
            .code = ErrorCode::fix_input,
            .message = "The password file " + file.string() + " is gone or empty, but the cluster beside it needs it.",
            .hint = "Put it back, or start anew with another --state.",
            .field = "state.folder"};
    }
    password = base::Secret(base::random_hex(32));
    return write_private_file(file, password.reveal(), user);
}

base::Status PrivateCluster::Impl::initialise() {
    if (fs::exists(data / "PG_VERSION")) return {};
    // Made aside and renamed, so that being killed half-way leaves nothing that looks like a cluster.
    const fs::path unfinished = options.folder / "data.unfinished";
    std::error_code failure;
    fs::remove_all(unfinished, failure);
    ChildCommand command{
        .arguments = {program("initdb"), "-D", unfinished.string(), "-U", std::string(superuser), "--locale=C.UTF-8",
                      "-E", "UTF8", "-A", "scram-sha-256", "--pwfile=" + (options.folder / "password").string()},
        .user = user,
        .working_folder = options.folder};
    const auto fsync = options.settings.find("fsync");
    const bool durable = !options.temporary && (fsync == options.settings.end() || fsync->second != "off");
    if (!durable) command.arguments.emplace_back("-N");
    PGANALYTICS_ASSIGN(const auto output, run_child(command));
    if (output.exit_status != 0) {
        auto error = failure_of("The private PostgreSQL could not be initialised", options.folder, output.text);
        fs::remove_all(unfinished, failure);
        return error;
    }
    PGANALYTICS_RETURN_IF_ERROR(
        write_private_file(unfinished / "postgresql.conf", std::string(include_line) + "\n", user, O_APPEND));
    fs::rename(unfinished, data, failure);
    if (failure)
        return Error{.code = ErrorCode::internal,
                     .message = "Cannot rename " + unfinished.string() + ": " + failure.message(),
                     .hint = {},
                     .field = {}};
    return {};
}

base::Status PrivateCluster::Impl::write_settings() const {
    std::map<std::string, std::string> settings{
        {"listen_addresses", options.tcp_port ? "127.0.0.1" : ""},
        {"port", std::to_string(port())},
        {"unix_socket_directories", socket_folder.string()},
        {"unix_socket_permissions", "0700"},
        {"max_connections", "50"},
        {"shared_buffers", "96MB"},
        {"password_encryption", "scram-sha-256"},
        // Summing up a history sorts more than the default holds.
        {"work_mem", "16MB"},
        // New partitions fill within minutes: they must be analysed as soon as that.
        {"autovacuum_naptime", "15s"},
        {"jit", "off"},
        {"timezone", "UTC"},
        {"log_timezone", "UTC"},
        // Nothing is replicated from here; without it COPY into a new partition and index builds write less.
        {"wal_level", "minimal"},
        {"max_wal_senders", "0"},
        {"max_wal_size", "512MB"},
        {"checkpoint_timeout", "15min"},
        {"fsync", options.temporary ? "off" : "on"},
        {"logging_collector", "on"},
        {"log_directory", (options.folder / "log").string()},
        {"log_filename", "postgresql-%a.log"},
        {"log_file_mode", "0600"},
        {"log_rotation_age", "1d"},
        {"log_rotation_size", "0"},
        {"log_truncate_on_rotation", "on"},
        {"cluster_name", "pganalytics"},
    };
    if (!options.shared_preload_libraries.empty()) {
        settings["shared_preload_libraries"] = base::join(options.shared_preload_libraries, ",");
    }
    for (const auto& [name, value] : options.settings) settings[name] = value;
    std::string text = "# Written by pganalytics at each start.\n";
    for (const auto& [name, value] : settings) text += name + " = " + quoted(value, "''") + "\n";
    return write_private_file(data / "pganalytics.conf", text, user);
}

base::Status PrivateCluster::Impl::end_left_over_servers() const {
    // We hold the folder's lock, so whatever still runs there has lost its owner.
    const auto wait_until_gone = [&](std::chrono::milliseconds patience) {
        const auto deadline = base::Deadline::after(patience);
        while (!servers_in(data).empty() && !deadline.passed()) std::this_thread::sleep_for(50ms);
        return servers_in(data).empty();
    };
    std::istringstream file(read_file(data / "postmaster.pid"));
    std::string first_line;
    std::getline(file, first_line);
    const auto postmaster = base::parse_integer(base::trim(first_line));
    const auto left_over = servers_in(data);
    for (const pid_t pid : left_over) {
        if (postmaster && pid == *postmaster) kill(pid, SIGINT);
    }
    if (!left_over.empty() && !wait_until_gone(10s)) {
        // Immediate shutdown; backends whose postmaster is dead end by it, too.
        for (const pid_t pid : servers_in(data)) kill(pid, SIGQUIT);
        if (!wait_until_gone(10s)) {
            return Error{.code = ErrorCode::conflict,
                         .message = "A PostgreSQL server left over from before still runs in " + data.string() +
                                    " (pid " + std::to_string(servers_in(data).front()) + ") and does not stop.",
                         .hint = "Stop that process, then start again.",
                         .field = {}};
        }
    }
    // Nobody is there: the file is stale, and its pid may meanwhile be a stranger's, at which PostgreSQL would balk.
    std::error_code failure;
    fs::remove(data / "postmaster.pid", failure);
    return {};
}

base::Status PrivateCluster::Impl::launch() {
    ChildCommand command{
        .arguments = {program("postgres"), "-D", data.string()}, .user = user, .working_folder = options.folder};
    PGANALYTICS_ASSIGN(server, ServerProcess::start(command, options.folder / "log" / "start.log"));
    return wait_until_ready();
}

std::string PrivateCluster::Impl::recent_output() const {
    std::string text = read_file(options.folder / "log" / "start.log");
    fs::path newest;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(options.folder / "log", failure)) {
        if (entry.path().filename() == "start.log") continue;
        if (newest.empty() || fs::last_write_time(entry.path(), failure) > fs::last_write_time(newest, failure))
            newest = entry.path();
    }
    if (newest.empty()) return text;
    const std::string log = read_file(newest);
    return text + log.substr(log.size() - std::min<std::size_t>(log.size(), 4000));
}

base::Status PrivateCluster::Impl::wait_until_ready() {
    const auto deadline = base::Deadline::after(options.start_timeout);
    const auto pid_text = std::to_string(server->pid());
    while (!deadline.passed()) {
        // Its eighth line says "ready" once connections are accepted (src/include/utils/pidfile.h).
        const auto lines = base::split(read_file(data / "postmaster.pid"), '\n');
        if (lines.size() >= 8 && base::trim(lines[0]) == pid_text && base::trim(lines[7]) == "ready") return {};
        if (server->wait_for_end(20ms)) {
            return failure_of("The private PostgreSQL did not start", options.folder, recent_output());
        }
    }
    return Error{.code = ErrorCode::retry_later,
                 .message = "The private PostgreSQL in " + options.folder.string() + " did not get ready in time.",
                 .hint = "It may still be recovering; its log is in " + (options.folder / "log").string() + ".",
                 .field = {}};
}

base::Secret PrivateCluster::Impl::conninfo(std::string_view database) const {
    return base::Secret("host=" + quoted(socket_folder.string(), "\\'") + " port=" + std::to_string(port()) +
                        " user=" + std::string(superuser) + " password=" + quoted(password.reveal(), "\\'") +
                        " dbname=" + quoted(database.empty() ? options.database : std::string(database), "\\'"));
}

base::Status PrivateCluster::Impl::ensure_database() const {
    ConnectOptions options_of_session{.read_only = false};
    options_of_session.round_trip_timeout = 60s;
    options_of_session.statement_timeout = 60s;
    PGANALYTICS_ASSIGN(auto connection, Connection::open(conninfo("postgres"), options_of_session));
    PGANALYTICS_ASSIGN(const auto found,
                       connection.query("select from pg_database where datname = $1", {options.database}));
    if (!found.empty()) return {};
    return connection.execute_script(our_sql("CREATE DATABASE {}", identifier(options.database)));
}

base::Status PrivateCluster::Impl::start() {
    PGANALYTICS_ASSIGN(user, unprivileged_user());
    PGANALYTICS_RETURN_IF_ERROR(prepare_folder());
    PGANALYTICS_RETURN_IF_ERROR(choose_binaries());
    PGANALYTICS_RETURN_IF_ERROR(ensure_password());
    PGANALYTICS_RETURN_IF_ERROR(initialise());
    PGANALYTICS_RETURN_IF_ERROR(end_left_over_servers());
    PGANALYTICS_RETURN_IF_ERROR(write_settings());
    PGANALYTICS_RETURN_IF_ERROR(launch());
    return ensure_database();
}

base::Status PrivateCluster::Impl::stop(std::chrono::milliseconds patience) {
    if (server) {
        server->signal(SIGINT);
        if (!server->wait_for_end(patience)) server->signal(SIGQUIT);
        if (!server->wait_for_end(10s)) {
            return Error{.code = ErrorCode::retry_later,
                         .message = "The private PostgreSQL in " + options.folder.string() + " does not stop (pid " +
                                    std::to_string(server->pid()) + ").",
                         .hint = "The next start will end it.",
                         .field = {}};
        }
        server.reset();
    }
    std::error_code failure;
    if (!socket_folder.empty()) fs::remove(socket_folder, failure);
    if (options.temporary) {
        lock.reset();
        fs::remove_all(options.folder, failure);
    }
    return {};
}

PrivateCluster::PrivateCluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrivateCluster::PrivateCluster(PrivateCluster&&) noexcept = default;

PrivateCluster& PrivateCluster::operator=(PrivateCluster&& other) noexcept {
    std::swap(impl_, other.impl_);
    return *this;
}

PrivateCluster::~PrivateCluster() {
    if (!impl_) return;
    if (!impl_->stop(10s) && impl_->server) {
        // It ignores even SIGQUIT; waiting for ever would hang our own end.
        impl_->server->signal(SIGKILL);
    }
}

base::Result<PrivateCluster> PrivateCluster::start(PrivateClusterOptions options) {
    PrivateCluster cluster(std::make_unique<Impl>());
    const bool was_there = fs::exists(options.folder);
    cluster.impl_->options = std::move(options);
    if (auto started = cluster.impl_->start(); !started) {
        // A folder that was there before is not ours to remove because it could not be used.
        if (was_there) cluster.impl_->options.temporary = false;
        return std::move(started).error();
    }
    return cluster;
}

base::Result<base::Secret> PrivateCluster::running_conninfo(const fs::path& folder, std::string_view database) {
    // Lines 4 and 5 are port and socket folder (src/include/utils/pidfile.h).
    const auto lines = base::split(read_file(folder / "data" / "postmaster.pid"), '\n');
    const auto password = std::string(base::trim(read_file(folder / "password")));
    if (lines.size() < 8 || base::trim(lines[7]) != "ready") {
        return Error{.code = ErrorCode::not_found,
                     .message = "No PostgreSQL server is ready in " + folder.string() + ".",
                     .hint = "Wait until the instance that holds the folder has started, or stop it.",
                     .field = {}};
    }
    if (password.empty()) {
        return Error{.code = ErrorCode::grant_access,
                     .message = "The password of the cluster in " + folder.string() + " cannot be read.",
                     .hint = "Run this as the user who started it.",
                     .field = {}};
    }
    return base::Secret("host=" + quoted(base::trim(lines[4]), "\\'") + " port=" + std::string(base::trim(lines[3])) +
                        " user=" + std::string(superuser) + " password=" + quoted(password, "\\'") +
                        " dbname=" + quoted(database, "\\'"));
}

base::Status PrivateCluster::stop(std::chrono::milliseconds patience) {
    return impl_->stop(patience);
}

base::Status PrivateCluster::restart() {
    if (running()) return {};
    impl_->server.reset();
    PGANALYTICS_RETURN_IF_ERROR(impl_->end_left_over_servers());
    // Unlinked at a clean stop.
    PGANALYTICS_ASSIGN(impl_->socket_folder,
                       make_socket_folder(impl_->options.runtime_folder, impl_->options.folder, impl_->user));
    return impl_->launch();
}

bool PrivateCluster::running() const {
    return impl_->server && impl_->server->running();
}
base::Secret PrivateCluster::conninfo(std::string_view database) const {
    return impl_->conninfo(database);
}
pid_t PrivateCluster::postmaster_pid() const {
    return impl_->server ? impl_->server->pid() : -1;
}
const fs::path& PrivateCluster::folder() const {
    return impl_->options.folder;
}
const fs::path& PrivateCluster::socket_folder() const {
    return impl_->socket_folder;
}
const fs::path& PrivateCluster::binaries() const {
    return impl_->options.binaries;
}
int PrivateCluster::major_version() const {
    return impl_->major;
}

}  // namespace pganalytics::postgres
