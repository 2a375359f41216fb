#pragma once
// Plans on the targets for whoever asks from several threads: at most two connections a target, kept open between
// requests, so that a plan takes a few milliseconds. A target that cannot be reached is left alone for some seconds,
// and requests are told so at once. Plans nothing but what the Planner port plans: nothing is ever executed. Errors:
// those of plan::Planner; connect_failed; retry_later where both connections stay busy. Thread-safe.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "plan/planner.hpp"
#include "store/targets.hpp"

namespace pganalytics::workflow {

class TargetPlanners {
  public:
    /// The clock must outlive it.
    TargetPlanners(store::TargetStore targets, const base::Clock& clock);
    ~TargetPlanners();

    [[nodiscard]] base::Result<plan::PlannedStatement> plan(base::TargetId target, const std::string& database_name,
                                                            std::string_view statement,
                                                            const plan::WhatIf& what_if = {});

  private:
    struct Slot;
    struct Server {
        std::vector<std::unique_ptr<Slot>> idle;
        std::size_t open = 0;  ///< idle and in use
        std::chrono::steady_clock::time_point avoided_until{};
        std::optional<base::Error> failure;
    };

    [[nodiscard]] base::Result<std::unique_ptr<Slot>> take(base::TargetId target, const std::string& database_name);
    [[nodiscard]] base::Result<std::unique_ptr<Slot>> open(base::TargetId target, const std::string& database_name);
    void give_back(base::TargetId target, std::unique_ptr<Slot> slot);

    store::TargetStore targets_;
    const base::Clock& clock_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::map<base::TargetId, Server> servers_;
};

}  // namespace pganalytics::workflow
