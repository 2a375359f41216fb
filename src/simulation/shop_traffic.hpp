#pragma once
// The shop's traffic: a few connections that send its statements as an application would (extended protocol with
// parameters, lists with literals), at the rates that samples/shop/workload.sql names, until told to stop. A target
// that goes away is waited for and used again. Threads are owned by the object: `stop` (or the destructor) joins them.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "simulation/shop_truth.hpp"

namespace pganalytics::simulation {

struct TrafficOptions {
    int connections = 3;
    double pace = 1;           ///< 2 sends twice as much
    bool office_hours = true;  ///< fewer orders at night and at weekends (UTC), the nightly batch in its minute
    std::uint64_t seed = 1;    ///< of the parameters' values
};

struct TrafficCounts {
    std::int64_t statements = 0;
    std::int64_t failed = 0;
    std::int64_t reconnects = 0;
    std::map<std::string, std::int64_t> by_statement;  ///< name of the statement → times sent
    std::string last_error;
};

class ShopTraffic {
  public:
    /// Nothing runs until `start`. `truth` names the shop that the target holds.
    ShopTraffic(base::Secret conninfo, ShopTruth truth, TrafficOptions options, base::Log log = {});
    ~ShopTraffic();
    ShopTraffic(const ShopTraffic&) = delete;
    ShopTraffic& operator=(const ShopTraffic&) = delete;

    /// conflict where it runs already.
    [[nodiscard]] base::Status start();
    /// Ends after the statements under way; safe to call twice.
    void stop();
    /// Safe from any thread.
    [[nodiscard]] TrafficCounts counts() const;

    /// Sends every statement of the shop `rounds` times on one connection, in order and without waiting.
    [[nodiscard]] base::Result<TrafficCounts> run_once(int rounds);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pganalytics::simulation
