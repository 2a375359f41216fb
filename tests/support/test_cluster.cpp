#include "support/test_cluster.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "base/text.hpp"
#include "sql/parse.hpp"

namespace pganalytics::test_support {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

void write_file(const fs::path& path, const std::string& text) {
    std::ofstream out(path, std::ios::app);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// Where we are root: a user that PostgreSQL agrees to run as.
const passwd* unprivileged() {
    for (const char* name : {"postgres", "nobody"}) {
        if (const auto* found = getpwnam(name)) return found;
    }
    throw std::runtime_error("there is no user postgres or nobody to run a test server as");
}

std::uint16_t random_port() {
    std::random_device device;
    return static_cast<std::uint16_t>(std::uniform_int_distribution<int>(20000, 32000)(device));
}

std::string quoted_setting(const std::string& value) {
    std::string text = "'";
    for (const char c : value) {
        if (c == '\'') text += '\'';
        text += c;
    }
    return text + "'";
}

}  // namespace

fs::path TestCluster::default_binaries() {
    if (const char* given = std::getenv("PGANALYTICS_PG_BINDIR"); given != nullptr && *given != '\0') return given;
    std::vector<fs::path> found;
    if (fs::exists("/usr/lib/postgresql")) {
        for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql")) {
            if (fs::exists(entry.path() / "bin/initdb")) found.push_back(entry.path() / "bin");
        }
    }
    if (found.empty()) {
        throw std::runtime_error("no PostgreSQL server found: install postgresql-15 or set PGANALYTICS_PG_BINDIR");
    }
    std::sort(found.begin(), found.end());
    return found.back();
}

TestCluster::TestCluster(TestClusterOptions options) : options_(std::move(options)) {
    if (options_.binaries.empty()) options_.binaries = default_binaries();
    std::string pattern = (fs::temp_directory_path() / "pgan-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder_ = pattern;
    uid_ = geteuid();
    gid_ = getegid();
    if (uid_ == 0) {
        const auto* user = unprivileged();
        uid_ = user->pw_uid;
        gid_ = user->pw_gid;
        if (chown(folder_.c_str(), uid_, gid_) != 0) throw std::runtime_error("cannot hand over " + folder_.string());
    }
    initialise();
    start();
}

TestCluster::~TestCluster() {
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

pid_t TestCluster::spawn(const std::vector<std::string>& command, const fs::path& output) const {
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("cannot fork");
    if (child > 0) return child;
    // Only async-signal-safe calls between fork and exec: the test may have threads.
    const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    const int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0) _exit(126);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    setsid();
    if (geteuid() == 0 && (setgid(gid_) != 0 || setuid(uid_) != 0)) _exit(126);
    // After setuid, which clears it: a test that crashes takes its server along.
    prctl(PR_SET_PDEATHSIG, SIGINT);
    if (chdir("/") != 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
}

void TestCluster::initialise() {
    const auto output = folder_ / "initdb.log";
    std::vector<std::string> command{(options_.binaries / "initdb").string(),
                                     "-D",
                                     data_folder().string(),
                                     "-U",
                                     std::string(superuser),
                                     "-A",
                                     "trust",
                                     "--no-sync",
                                     "-E",
                                     options_.encoding,
                                     options_.encoding == "UTF8" ? "--locale=C.UTF-8" : "--locale=C"};
    const pid_t child = spawn(command, output);
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("initdb failed: " + read_file(output));

    std::string conf =
        "fsync = off\nfull_page_writes = off\nlisten_addresses = ''\nshared_buffers = 32MB\nmax_connections = 40\n"
        "unix_socket_directories = " +
        quoted_setting(folder_.string()) + "\n";
    if (!options_.preload.empty()) {
        conf += "shared_preload_libraries = " + quoted_setting(base::join(options_.preload, ",")) + "\n";
    }
    for (const auto& [name, value] : options_.settings) conf += name + " = " + quoted_setting(value) + "\n";
    write_file(data_folder() / "postgresql.conf", conf);
    fs::remove(data_folder() / "pg_hba.conf");
    auto lines = options_.hba_lines;
    if (lines.empty()) lines = {"local all all trust", "host all all 127.0.0.1/32 scram-sha-256"};
    write_file(data_folder() / "pg_hba.conf", base::join(lines, "\n") + "\n");
    if (geteuid() == 0 && chown((data_folder() / "pg_hba.conf").c_str(), uid_, gid_) != 0) {
        throw std::runtime_error("cannot hand over pg_hba.conf");
    }
}

void TestCluster::start() {
    // A port that is taken is found out by the start itself; another one is tried then. After a kill the backends of
    // the old server need a moment to notice, and until then no new one starts; that is waited for, on the same port.
    int ports_tried = 0;
    const auto patience = base::Deadline::after(std::chrono::seconds(30));
    for (;;) {
        if (port_ == 0) port_ = random_port();
        const std::size_t said_before = log().size();
        std::vector<std::string> command{(options_.binaries / "postgres").string(), "-D", data_folder().string(), "-p",
                                         std::to_string(port_)};
        if (options_.tcp) command.insert(command.end(), {"-h", "127.0.0.1"});
        postmaster_ = spawn(command, folder_ / "server.log");
        try {
            wait_until_ready();
            return;
        } catch (const std::exception&) {
            stop();
            const std::string said = log().substr(said_before);
            if (said.find("pre-existing shared memory block") != std::string::npos && !patience.passed()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(200));
                continue;
            }
            if (++ports_tried == 5 || said.find("Address already in use") == std::string::npos) throw;
            port_ = 0;
        }
    }
}

void TestCluster::wait_until_ready() {
    postgres::ConnectOptions options;
    options.connect_timeout = std::chrono::milliseconds(2000);
    options.read_only = false;
    const auto deadline = base::Deadline::after(std::chrono::seconds(60));
    while (!deadline.passed()) {
        if (postgres::Connection::open(conninfo(), options)) return;
        int status = 0;
        if (waitpid(postmaster_, &status, WNOHANG) == postmaster_) {
            postmaster_ = -1;
            throw std::runtime_error("the test server ended at once: " + log());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("the test server did not start within 60 s: " + log());
}

void TestCluster::stop() {
    if (postmaster_ <= 0) return;
    ::kill(postmaster_, SIGINT);
    int status = 0;
    const auto deadline = base::Deadline::after(std::chrono::seconds(20));
    while (waitpid(postmaster_, &status, WNOHANG) == 0) {
        if (deadline.passed()) ::kill(postmaster_, SIGQUIT);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    postmaster_ = -1;
}

void TestCluster::kill() {
    if (postmaster_ <= 0) return;
    ::kill(postmaster_, SIGKILL);
    int status = 0;
    waitpid(postmaster_, &status, 0);
    postmaster_ = -1;
}

base::Secret TestCluster::conninfo(std::string_view database, std::string_view user) const {
    return base::Secret("host='" + folder_.string() + "' port=" + std::to_string(port_) + " user='" +
                        std::string(user) + "' dbname='" + std::string(database) + "'");
}

base::Secret TestCluster::tcp_conninfo(std::string_view database, std::string_view user,
                                       std::string_view password) const {
    return base::Secret("host=127.0.0.1 port=" + std::to_string(port_) + " user='" + std::string(user) + "' dbname='" +
                        std::string(database) + "' password='" + std::string(password) + "'");
}

postgres::Connection TestCluster::connect(std::string_view database, std::string_view user,
                                          const postgres::ConnectOptions& options) const {
    auto opened = postgres::Connection::open(conninfo(database, user), options);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    return std::move(opened).value();
}

postgres::Connection TestCluster::connect(std::string_view database, std::string_view user) const {
    postgres::ConnectOptions options;
    options.read_only = false;
    options.statement_timeout = options.lock_timeout = std::chrono::milliseconds(0);
    options.round_trip_timeout = std::chrono::minutes(5);
    return connect(database, user, options);
}

void TestCluster::run(std::string_view script, std::string_view database, std::string_view user) const {
    auto connection = connect(database, user);
    run_script(connection, script);
}

std::string TestCluster::log() const {
    return read_file(folder_ / "server.log");
}

void run_script(postgres::Connection& connection, std::string_view script) {
    for (const auto& part : sql::split_script(script)) {
        if (base::trim(part.text).empty()) continue;
        if (const auto done = connection.query(part.text); !done) {
            throw std::runtime_error(done.error().to_string() + "\nin: " + part.text);
        }
    }
}

std::string query_value(postgres::Connection& connection, std::string_view statement) {
    const auto rows = connection.query(statement);
    if (!rows) throw std::runtime_error(rows.error().to_string() + "\nin: " + std::string(statement));
    if (rows->empty()) throw std::runtime_error("no row from: " + std::string(statement));
    return rows->text(0, 0);
}

}  // namespace pganalytics::test_support
