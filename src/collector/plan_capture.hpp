#pragma once
// Which statements of a target should be planned next, within a budget of the server's time. A plan is wanted when a
// statement is first seen (generic, then with literals where some are
// known), and again when its shape may have changed: the catalog or a setting changed, statistics were
// gathered, or its mean time moved to another level. Pure book-keeping; the planning itself is the Planner's.
// Not thread-safe: one a target.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "plan/planner.hpp"
#include "store/ingest.hpp"

namespace pganalytics::collector {

struct PlanOptions {
    double share_of_time = 0.01;            ///< of one core of the server
    std::chrono::milliseconds burst{3000};  ///< saved up at most; also what there is at the start
    double mean_shift = 2.0;                ///< a mean this many times higher or lower asks for a new plan
    std::chrono::milliseconds retry_failed{std::chrono::hours(6)};
    std::size_t max_statements = 5000;                    ///< a database
    std::size_t max_text_bytes = std::size_t{32} << 10;   ///< of one statement; longer ones are not planned
    std::size_t max_memory_bytes = std::size_t{4} << 20;  ///< of all texts kept; further statements are not planned
};

/// Milliseconds of the server's time that may be used: grows with time, shrinks with use.
class TimeBudget {
  public:
    TimeBudget(double share, std::chrono::milliseconds burst) : share_(share), burst_(burst), left_(burst) {}
    void elapse(std::chrono::duration<double, std::milli> wall);
    void spend(std::chrono::duration<double, std::milli> used) { left_ -= used; }
    [[nodiscard]] bool available() const { return left_.count() > 0; }

  private:
    double share_;
    std::chrono::duration<double, std::milli> burst_;
    std::chrono::duration<double, std::milli> left_;
};

struct WantedPlan {
    std::string database_name;
    base::QueryHash query_hash{};
    std::string text;
    bool example = false;  ///< with literals, as it was sent
};

class PlanSchedule {
  public:
    explicit PlanSchedule(PlanOptions options = {}) : options_(options) {}

    /// A statement whose text was just read.
    void saw_text(std::string_view database_name, base::QueryHash query_hash, std::string_view text);
    /// The same statement with its literals: planned too, once for each generic plan.
    void saw_example(std::string_view database_name, base::QueryHash query_hash, std::string_view text);
    /// It ran, with this mean time: a shift of level asks for a new plan.
    void ran(std::string_view database_name, base::QueryHash query_hash, const workload::Counters& delta);
    /// Relations, indexes, statistics or settings of the database changed: all its statements are wanted again.
    void database_changed(std::string_view database_name);

    /// The heaviest statement waiting, of `database_name` when given; nullopt when none waits.
    [[nodiscard]] std::optional<WantedPlan> next(std::string_view database_name, base::Timestamp now);
    /// Databases with waiting statements, heaviest first.
    [[nodiscard]] std::vector<std::string> databases_waiting(base::Timestamp now) const;
    void planned(const WantedPlan& wanted, bool succeeded, base::Timestamp at);
    /// Evicted, and not seen since.
    void forget(std::string_view database_name, base::QueryHash query_hash);
    [[nodiscard]] std::size_t size() const;

  private:
    struct Statement {
        std::string text;
        double weight = 0;        ///< total milliseconds seen lately
        double mean_at_plan = 0;  ///< 0: unknown
        double mean_lately = 0;
        bool wanted = true;
        std::string example;
        bool example_wanted = false;
        std::optional<base::Timestamp> not_before;
    };
    struct Database {
        std::unordered_map<std::int64_t, Statement> statements;
    };

    [[nodiscard]] static bool is_waiting(const Statement& statement, base::Timestamp now);

    PlanOptions options_;
    std::size_t text_bytes_ = 0;
    std::map<std::string, Database, std::less<>> databases_;
};

/// The plan as the repository keeps it.
[[nodiscard]] store::CapturedPlan to_captured_plan(const WantedPlan& wanted, const plan::PlannedStatement& planned,
                                                   base::Timestamp at);

}  // namespace pganalytics::collector
