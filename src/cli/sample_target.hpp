#pragma once
// The sample target of `up`: a private server with the shop in it and the shop's traffic running, watched through a
// role with the privileges that `setup-target` grants and nothing more.

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "postgres/private_cluster.hpp"
#include "simulation/shop_traffic.hpp"
#include "simulation/shop_truth.hpp"
#include "workflow/repository_access.hpp"

namespace pganalytics::cli {

class SampleTarget {
  public:
    /// Starts the server, makes the shop where it is not there yet (under a minute), starts the traffic.
    [[nodiscard]] static base::Result<SampleTarget> start(const base::Config& config,
                                                          const workflow::StateFolder& state,
                                                          const std::function<void(std::string_view)>& progress,
                                                          const base::Log& log);
    SampleTarget(SampleTarget&&) noexcept = default;
    SampleTarget& operator=(SampleTarget&&) noexcept = default;
    ~SampleTarget() = default;

    /// The monitoring role's connection string.
    [[nodiscard]] const base::Secret& monitor_conninfo() const { return monitor_conninfo_; }
    [[nodiscard]] const simulation::ShopTruth& truth() const { return truth_; }
    [[nodiscard]] bool was_there() const { return was_there_; }

  private:
    SampleTarget() = default;

    std::optional<postgres::PrivateCluster> cluster_;
    base::Secret monitor_conninfo_;
    simulation::ShopTruth truth_;
    bool was_there_ = false;
    std::unique_ptr<simulation::ShopTraffic> traffic_;  // after the cluster: it stops first
};

}  // namespace pganalytics::cli
