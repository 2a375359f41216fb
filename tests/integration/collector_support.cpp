#include "integration/collector_support.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <list>
#include <random>
#include <stdexcept>

namespace pganalytics::collector_tests {

using test_support::TestCluster;

bool comes_true(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return condition();
}

postgres::Connection application(const TestCluster& cluster, std::string_view database, std::string_view user) {
    postgres::ConnectOptions options;
    options.tagged = false;
    options.read_only = false;
    options.application_name = "shop";
    return cluster.connect(database, user, options);
}

void run_times(postgres::Connection& client, std::string_view statement, int times) {
    for (int i = 0; i < times; ++i)
        if (auto rows = client.query(statement); !rows) throw std::runtime_error(rows.error().to_string());
}

void prepare_target(const TestCluster& cluster) {
    cluster.run(
        "create extension pg_stat_statements; create role watcher login connection limit 5; grant pg_monitor to "
        "watcher;"
        "create table t (id int primary key, v text); insert into t select i, 'x' from generate_series(1, 1000) i;"
        "grant select on t to watcher; analyze t");
}

base::Status MemorySink::deliver(const collector::Delivery& delivery) {
    if (down) return base::Error{base::ErrorCode::retry_later, "the repository is down", "", ""};
    const std::lock_guard lock(mutex_);
    auto& target = targets_[static_cast<int>(base::to_integer(delivery.target))];
    if (const auto* statements = std::get_if<collector::StatementDelivery>(&delivery.content)) {
        for (const auto& statement : statements->statements) target.texts[statement.key] = statement.text;
        target.samples.push_back(*statements);
        target.samples.back().statements.clear();
    } else if (const auto* catalog = std::get_if<collector::CatalogDelivery>(&delivery.content)) {
        ++target.catalogs[catalog->database.name];
    } else if (const auto* plans = std::get_if<collector::PlanDelivery>(&delivery.content)) {
        target.plans.insert(target.plans.end(), plans->plans.begin(), plans->plans.end());
    } else if (const auto* activity = std::get_if<collector::ActivityDelivery>(&delivery.content)) {
        target.activity.insert(target.activity.end(), activity->samples.begin(), activity->samples.end());
    } else if (const auto* example = std::get_if<collector::ExampleDelivery>(&delivery.content)) {
        target.examples.insert(target.examples.end(), example->texts.begin(), example->texts.end());
    } else if (const auto* state = std::get_if<collector::StateDelivery>(&delivery.content)) {
        target.states.push_back(state->state + ": " + state->detail);
    } else if (std::holds_alternative<collector::SettingsDelivery>(delivery.content)) {
        ++target.settings;
    }
    return {};
}

base::Result<std::vector<store::KnownStatement>> MemorySink::known_statements(base::TargetId) {
    return std::vector<store::KnownStatement>{};
}

MemorySink::OfTarget MemorySink::of(int target) const {
    const std::lock_guard lock(mutex_);
    const auto found = targets_.find(target);
    return found == targets_.end() ? OfTarget{} : found->second;
}

std::size_t MemorySink::samples(int target) const {
    const std::lock_guard lock(mutex_);
    const auto found = targets_.find(target);
    return found == targets_.end() ? 0 : found->second.samples.size();
}

std::string MemorySink::last_state(int target) const {
    const std::lock_guard lock(mutex_);
    const auto found = targets_.find(target);
    return found == targets_.end() || found->second.states.empty() ? "" : found->second.states.back();
}

std::int64_t MemorySink::calls(int target, std::string_view part) const {
    const std::lock_guard lock(mutex_);
    const auto found = targets_.find(target);
    if (found == targets_.end()) return 0;
    std::int64_t sum = 0;
    for (const auto& sample : found->second.samples) {
        for (const auto& interval : sample.intervals) {
            const auto text = found->second.texts.find(interval.key);
            if (text != found->second.texts.end() && text->second.find(part) != std::string::npos)
                sum += interval.delta.calls;
        }
    }
    return sum;
}

// ---- endpoints -----------------------------------------------------------------------------------------------------

/// One client and its server: two descriptors, bytes both ways.
struct Endpoint::Relay {
    int client = -1;
    int server = -1;
};

Endpoint::Endpoint(std::string socket_path) : socket_path_(std::move(socket_path)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::mt19937 random{std::random_device{}()};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Below the ephemeral range, where a bind fails at random.
    std::uniform_int_distribution<int> ports(20000, 32000);
    for (int attempt = 0; attempt < 200 && port_ == 0; ++attempt) {
        const int candidate = ports(random);
        address.sin_port = htons(static_cast<std::uint16_t>(candidate));
        if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) port_ = candidate;
    }
    if (port_ == 0 || ::listen(listener_, 64) != 0) throw std::runtime_error("no free port");
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

Endpoint::~Endpoint() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
}

namespace {

int connect_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

bool send_all(int descriptor, const char* bytes, std::size_t count) {
    while (count > 0) {
        const auto sent = ::send(descriptor, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        count -= static_cast<std::size_t>(sent);
    }
    return true;
}

}  // namespace

void Endpoint::serve(const std::stop_token& stop) {
    std::list<Relay> relays;
    std::array<char, 65536> buffer{};
    const auto close_relay = [&](std::list<Relay>::iterator relay) {
        ::close(relay->client);
        if (relay->server >= 0) ::close(relay->server);
        --open_;
        return relays.erase(relay);
    };
    while (!stop.stop_requested()) {
        std::vector<pollfd> watched{{listener_, POLLIN, 0}};
        for (const auto& relay : relays) {
            watched.push_back({relay.client, POLLIN, 0});
            watched.push_back({relay.server, POLLIN, 0});  // -1 is ignored by poll
        }
        if (::poll(watched.data(), watched.size(), 50) <= 0) continue;
        std::size_t at = 1;
        for (auto relay = relays.begin(); relay != relays.end(); at += 2) {
            bool alive = true;
            for (const bool from_client : {true, false}) {
                const auto& ready = watched[at + (from_client ? 0 : 1)];
                if (!alive || ready.revents == 0) continue;
                const auto count = ::recv(ready.fd, buffer.data(), buffer.size(), 0);
                if (count <= 0) {
                    alive = false;
                    continue;
                }
                if (relay->server < 0) continue;
                const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
                if (from_client && bytes.find("pg_stat_statements(false)") != std::string_view::npos) ++readings_;
                alive = send_all(from_client ? relay->server : relay->client, bytes.data(), bytes.size());
            }
            relay = alive ? std::next(relay) : close_relay(relay);
        }
        if ((watched[0].revents & POLLIN) != 0) {
            Relay relay{::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), -1};
            if (relay.client < 0) continue;
            if (!socket_path_.empty()) relay.server = connect_unix(socket_path_);
            relays.push_back(relay);
            ++accepted_;
            most_ = std::max(most_.load(), ++open_);
        }
    }
    while (!relays.empty()) close_relay(relays.begin());
}

// ---- figures -------------------------------------------------------------------------------------------------------

namespace {

std::size_t status_bytes(std::string_view label) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (std::string_view(line).starts_with(label)) return std::stoull(line.substr(label.size())) * 1024;
    throw std::runtime_error("/proc/self/status has no " + std::string(label));
}

}  // namespace

std::size_t resident_bytes() {
    return status_bytes("VmRSS:");
}
std::size_t most_resident_bytes() {
    return status_bytes("VmHWM:");
}

std::string gaps_of(const MemorySink::OfTarget& target) {
    for (std::size_t i = 1; i < target.samples.size(); ++i) {
        if (target.samples[i].begins != target.samples[i - 1].ends)
            return "sample " + std::to_string(i) + " begins at " + base::to_rfc3339(target.samples[i].begins) +
                   ", the one before ended at " + base::to_rfc3339(target.samples[i - 1].ends);
    }
    return "";
}

}  // namespace pganalytics::collector_tests
