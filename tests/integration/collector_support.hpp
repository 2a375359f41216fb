#pragma once
// What the collector's integration tests share: a sink that keeps everything, endpoints that stand between the
// collector and a server (counting, or swallowing all), and applications that run statements.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/fleet.hpp"
#include "collector/sink.hpp"
#include "support/test_cluster.hpp"

namespace pganalytics::collector_tests {

/// Until it holds, at most `patience`; the last word is the condition's.
[[nodiscard]] bool comes_true(const std::function<bool()>& condition,
                              std::chrono::milliseconds patience = std::chrono::seconds(60));

/// A connection as an application has it: nothing of its statements says that they are ours.
[[nodiscard]] postgres::Connection application(const test_support::TestCluster& cluster,
                                               std::string_view database = "postgres",
                                               std::string_view user = test_support::TestCluster::superuser);
void run_times(postgres::Connection& client, std::string_view statement, int times);

/// The extension and a role of the counters tier, "watcher", which may also read data.
void prepare_target(const test_support::TestCluster& cluster);

/// Keeps what is delivered; can be told to be down. Thread-safe.
class MemorySink final : public collector::Sink {
  public:
    [[nodiscard]] base::Status deliver(const collector::Delivery& delivery) override;
    [[nodiscard]] base::Result<std::vector<store::KnownStatement>> known_statements(base::TargetId target) override;

    std::atomic<bool> down = false;

    struct OfTarget {
        std::vector<collector::StatementDelivery> samples;  ///< texts and counters; intervals only where kept
        std::map<workload::StatementKey, std::string> texts;
        std::map<std::string, int> catalogs;  ///< by database
        std::vector<store::CapturedPlan> plans;
        std::vector<store::ActivitySample> activity;
        std::vector<std::string> states;
        std::vector<std::string> examples;
        int settings = 0;
    };
    [[nodiscard]] OfTarget of(int target) const;
    [[nodiscard]] std::size_t samples(int target) const;
    [[nodiscard]] std::string last_state(int target) const;
    /// Calls of statements whose text contains `part`, over all intervals of the target.
    [[nodiscard]] std::int64_t calls(int target, std::string_view part) const;

  private:
    mutable std::mutex mutex_;
    std::map<int, OfTarget> targets_;
};

/// A TCP port on 127.0.0.1 that passes everything to a server's Unix socket, counting connections and how often the
/// counters were read; or, without a server, accepts and never answers. Stops with the object.
class Endpoint {
  public:
    /// `socket_path` empty: the black hole.
    explicit Endpoint(std::string socket_path);
    ~Endpoint();
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] int most_connections() const { return most_; }
    [[nodiscard]] int connections() const { return open_; }
    [[nodiscard]] int accepted() const { return accepted_; }
    [[nodiscard]] std::uint64_t counter_readings() const { return readings_; }

  private:
    struct Relay;
    void serve(const std::stop_token& stop);

    std::string socket_path_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> open_ = 0, most_ = 0, accepted_ = 0;
    std::atomic<std::uint64_t> readings_ = 0;
    std::jthread thread_;
};

/// Resident memory of this process, bytes: now, and the most there ever was.
[[nodiscard]] std::size_t resident_bytes();
[[nodiscard]] std::size_t most_resident_bytes();

/// Each interval begins where the one before ended: none is missing. The first (a baseline) is left out.
[[nodiscard]] std::string gaps_of(const MemorySink::OfTarget& target);

}  // namespace pganalytics::collector_tests
