#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.hpp"
#include "catalog/catalog.hpp"
#include "parameters/memory_cap.hpp"
#include "parameters/memory_need.hpp"
#include "parameters/rules.hpp"
#include "parameters/spill_cost.hpp"
#include "plan/describe.hpp"

namespace pganalytics::parameters {

namespace {

using workload::ObservedStatement;

// DESIGN, Advice: where the search starts.
constexpr double work_mem_start = 1.5;
constexpr double sort_mem_start = 1.25;
// Averages hide the larger calls, and allocation is coarser than its formulas.
constexpr double margin = 1.12;
// Processes take pages as they get to them, so that one sorts more than its even share, another one each time.
constexpr double uneven_share = 1.15;
// PostgreSQL's own maximum; beyond a gigabyte the answer is another one than memory.
constexpr double largest_work_mem = 1024.0 * 1024 * 1024;

struct Candidate {
    const ObservedStatement* statement = nullptr;
    std::string rule;
    double current = 0, advised = 0;  ///< bytes
    double improvement_percent = 0;
    std::int64_t plan_shape = 0;
    MemoryDemand demand;
    SpillCost cost;
    TemporaryIo io;
    advice::Evidence evidence;
};

MemorySettings settings_of(const catalog::Database& database) {
    MemorySettings settings;
    settings.server_major = database.version.major() > 0 ? database.version.major() : 15;
    if (const auto work_mem = database.memory_setting("work_mem")) {
        settings.work_mem = static_cast<double>(work_mem->value);
    }
    const double usual = settings.server_major >= 15 ? 2.0 : 1.0;
    settings.hash_mem_multiplier = database.number_setting("hash_mem_multiplier").value_or(usual);
    return settings;
}

/// Up, to figures that a person would write: 256 kB steps below 16 MB, then megabytes.
double rounded_up(double bytes) {
    const double step = bytes < 16.0 * 1024 * 1024 ? 256.0 * 1024 : 1024.0 * 1024;
    return step * std::ceil(bytes / step);
}

std::string memory_text(double bytes) {
    return base::to_memory_setting(base::Bytes{static_cast<std::int64_t>(bytes)});
}

std::string size_text(double bytes) {
    return base::to_words(base::Bytes{static_cast<std::int64_t>(bytes)});
}

/// Whether the first key is a column that some table has as text. "a.label DESC" is label.
bool sorts_text(const MemoryNode& node, const catalog::Database& database) {
    if (node.keys.empty()) return false;
    std::string key = node.keys.front();
    key = key.substr(0, key.find(' '));
    key = key.substr(key.rfind('.') == std::string::npos ? 0 : key.rfind('.') + 1);
    return std::any_of(database.relations.begin(), database.relations.end(), [&key](const catalog::Relation& relation) {
        const auto* column = relation.find_column(key);
        if (column == nullptr) return false;
        // Categories are the server's; a catalog from elsewhere has the type's name.
        const auto& type = column->base_type;
        return column->type_category == "S" || type == "text" || type == "varchar" || type == "bpchar";
    });
}

std::vector<MemoryNode> spilling_nodes(const std::vector<MemoryNode>& nodes, const MemorySettings& settings) {
    std::vector<MemoryNode> spilling;
    for (const auto& node : nodes) {
        if (spilled_bytes(node, settings) > 0) spilling.push_back(node);
    }
    return spilling;
}

double largest_need(const std::vector<MemoryNode>& nodes, const MemorySettings& settings) {
    double need = 0;
    for (const auto& node : nodes) need = std::max(need, work_mem_needed(node, settings));
    return need;
}

/// What to give them: their need and what it varies by.
double sufficient(const std::vector<MemoryNode>& nodes, const MemorySettings& settings) {
    double most = 0;
    for (const auto& node : nodes) {
        const bool is_divided = node.use == MemoryUse::sort && node.processes > 1;
        most = std::max(most, margin * (is_divided ? uneven_share : 1) * work_mem_needed(node, settings));
    }
    return most;
}

/// For the plan that was changed by the setting: the same error of the estimates is supposed.
double sufficient_for_new_plan(const plan::Plan& plan, double factor, MemorySettings settings, double advised) {
    settings.work_mem = advised;
    auto nodes = memory_nodes(plan);
    for (auto& node : nodes) node.rows *= std::max(1.0, factor);
    return sufficient(nodes, settings);
}

std::string shape_words(const plan::Plan& plan) {
    std::string words;
    for (const auto& node : memory_nodes(plan)) words += (words.empty() ? "" : ", ") + node.words;
    return words.empty() ? plan::to_words(plan.root) : words;
}

class WorkMemRule {
  public:
    WorkMemRule(const Inputs& inputs, Findings& findings)
        : inputs_(inputs), findings_(findings), settings_(settings_of(inputs.database)) {}

    void run() {
        std::size_t looked_at = 0;
        for (const auto& statement : inputs_.workload.statements) {
            if (++looked_at > inputs_.options.maximum_statements) break;
            if (statement.sum.calls > 0 && statement.sum.temp_blks_written > 0) judge(statement);
        }
        hand_out();
    }

  private:
    void note(const ObservedStatement& statement, std::string text) {
        findings_.notes.push_back({statement.query_hash, "work_mem", std::move(text)});
    }

    void judge(const ObservedStatement& statement) {
        const auto io = temporary_io(statement.sum);
        const double mean_ms = statement.mean_exec_time().count();
        if (mean_ms < inputs_.options.minimum_spilling_time.count()) {
            note(statement, fmt::format("The spill of {} a call will not be missed: a call takes {}",
                                        size_text(io.bytes_written()), base::to_words(statement.mean_exec_time())));
            return;
        }
        const auto planned = inputs_.planner.plan(statement.text);
        if (!planned) {
            note(statement, "It spills, but its plan could not be had: " + planned.error().to_string());
            return;
        }
        auto estimated = memory_nodes(planned->plan);
        for (auto& node : estimated) node.text_key = sorts_text(node, inputs_.database);
        if (planned->source == plan::PlanSource::generic) learn_bound(statement, planned->plan, estimated);
        const auto spilling = spilling_nodes(corrected(estimated, settings_, io.bytes_written()), settings_);
        if (spilling.empty()) {
            note(
                statement,
                fmt::format(
                    "It writes {} of temporary files a call, but no node of its plan tells what for (an aggregate "
                    "with ORDER BY or DISTINCT inside sorts by itself, a recursion keeps its rows, a function does its "
                    "own work): how much "
                    "memory would do is not known",
                    size_text(io.bytes_written())));
            return;
        }
        Candidate candidate;
        candidate.statement = &statement;
        candidate.io = io;
        candidate.current = settings_.work_mem;
        candidate.plan_shape = plan::shape_hash(planned->plan);
        const bool hashes = std::any_of(spilling.begin(), spilling.end(), [](const auto& node) {
            return node.use != MemoryUse::sort && node.use != MemoryUse::bounded_sort;
        });
        candidate.rule = hashes ? "work_mem" : "sort_mem";
        const auto after = size(candidate, *planned, estimated, spilling);
        SpillContext context{mean_ms, planned->plan.total_cost().value, false};
        if (after) context = {mean_ms, after->plan.total_cost().value, changes(*planned, *after)};
        candidate.cost = cost_of_spill(spilling, io, settings_, context);
        candidate.improvement_percent = std::clamp(100 * candidate.cost.saved_share, 0.0, 95.0);
        if (candidate.improvement_percent < inputs_.options.minimum_gain_percent) {
            turn_down(candidate, *planned, after, spilling);
            return;
        }
        if (candidate.advised > largest_work_mem) {
            note(statement, fmt::format("To stay in memory it needs work_mem of {}: an index on the order, or reading "
                                        "less, is the remedy, not memory",
                                        size_text(candidate.advised)));
            return;
        }
        describe(candidate, estimated, spilling);
        if (after) {
            compare(candidate, *planned, *after);
        } else {
            candidate.evidence.not_checked.push_back("The plan under the changed setting: " +
                                                     after.error().to_string());
        }
        const double busiest = std::max(statement.max_calls_per_minute, inputs_.workload.calls_per_minute(statement));
        candidate.demand.concurrency = std::max(1.0, std::ceil(busiest * mean_ms / 60000));
        candidates_.push_back(std::move(candidate));
    }

    /// A LIMIT whose value is unknown is planned as a tenth of all; what is returned tells it better.
    static void learn_bound(const ObservedStatement& statement, const plan::Plan& plan,
                            std::vector<MemoryNode>& nodes) {
        const double rows = static_cast<double>(statement.sum.rows) / static_cast<double>(statement.sum.calls);
        if (plan.root.type != plan::NodeType::limit || rows < 1) return;
        for (auto& node : nodes) {
            if (node.use == MemoryUse::bounded_sort && node.bound == plan.root.plan_rows) node.bound = std::ceil(rows);
        }
    }

    static bool changes(const plan::PlannedStatement& before, const plan::PlannedStatement& after) {
        return plan::shape_hash(before.plan) != plan::shape_hash(after.plan);
    }

    /// A materialised list that is searched row by row is the symptom of a plan that memory may change (NOT IN), so
    /// that its spill being cheap does not mean that memory is useless.
    void turn_down(const Candidate& candidate, const plan::PlannedStatement& planned,
                   const base::Result<plan::PlannedStatement>& after, const std::vector<MemoryNode>& spilling) {
        const auto& statement = *candidate.statement;
        const bool stores_only = std::all_of(spilling.begin(), spilling.end(),
                                             [](const auto& node) { return node.use == MemoryUse::tuple_store; });
        if (stores_only && after && changes(planned, *after)) {
            const double before_cost = planned.plan.total_cost().value;
            const double after_cost = after->plan.total_cost().value;
            if (100 * (1 - after_cost / before_cost) >= inputs_.options.minimum_gain_percent) {
                note(statement,
                     fmt::format("Its spill costs little, but work_mem of {} would change its plan (cost {:.0f} to "
                                 "{:.0f}): a rewrite that needs no such memory comes first",
                                 memory_text(candidate.advised), before_cost, after_cost));
                return;
            }
        }
        const bool slower = candidate.cost.saved_share < -0.005;
        note(statement,
             fmt::format("More memory will not help: {} writes {} of temporary files a call, but to do without them "
                         "would {} of its {}; the files stay in the file system's cache, and the work stays the same",
                         spilling.front().words, size_text(candidate.io.bytes_written()),
                         slower ? fmt::format("cost about {:.0f} % more", -100 * candidate.cost.saved_share)
                                : fmt::format("give back about {:.0f} %", candidate.improvement_percent),
                         base::to_words(statement.mean_exec_time())));
    }

    /// The amount, checked by planning under it: another plan may need more. The plan under it, where it could be had.
    base::Result<plan::PlannedStatement> size(Candidate& candidate, const plan::PlannedStatement& planned,
                                              const std::vector<MemoryNode>& estimated,
                                              const std::vector<MemoryNode>& spilling) {
        const auto& text = candidate.statement->text;
        const double start = candidate.current * (candidate.rule == "work_mem" ? work_mem_start : sort_mem_start);
        candidate.advised = rounded_up(std::max(start, sufficient(spilling, settings_)));
        const double factor = correction(estimated, spilling);
        candidate.demand.shares = memory_shares(estimated, settings_);
        constexpr int rounds = 3;
        for (int round = 1;; ++round) {
            candidate.demand.work_mem = candidate.advised;
            auto after = inputs_.planner.plan(text, {{}, {{"work_mem", memory_text(candidate.advised)}}});
            if (!after) return after;
            const double again = sufficient_for_new_plan(after->plan, factor, settings_, candidate.advised);
            if (!changes(planned, *after) || again <= candidate.advised || round == rounds) {
                candidate.demand.shares =
                    std::max(candidate.demand.shares, memory_shares(memory_nodes(after->plan), settings_));
                return after;
            }
            candidate.advised = rounded_up(again);
        }
    }

    static double correction(const std::vector<MemoryNode>& estimated, const std::vector<MemoryNode>& spilling) {
        for (const auto& node : estimated) {
            if (node.words == spilling.front().words && node.rows > 0) return spilling.front().rows / node.rows;
        }
        return 1;
    }

    void describe(Candidate& candidate, const std::vector<MemoryNode>& estimated,
                  const std::vector<MemoryNode>& spilling) const {
        auto& facts = candidate.evidence.facts;
        facts.push_back(fmt::format("{:.0f} temporary blocks are written and {:.0f} read a call ({})",
                                    candidate.io.blocks_written, candidate.io.blocks_read,
                                    size_text(candidate.io.bytes_written())));
        facts.push_back(candidate.io.time_ms ? fmt::format("Temporary I/O takes {} of the {} a call, as measured",
                                                           base::to_words(base::Milliseconds{candidate.cost.io_ms}),
                                                           base::to_words(candidate.statement->mean_exec_time()))
                                             : fmt::format("Temporary I/O is estimated at {} of the {} a call",
                                                           base::to_words(base::Milliseconds{candidate.cost.io_ms}),
                                                           base::to_words(candidate.statement->mean_exec_time())));
        for (const auto& node : spilling) {
            facts.push_back(fmt::format("{} holds {} rows of {:.0f} bytes and needs work_mem of {}", node.words,
                                        base::with_thousands(static_cast<std::int64_t>(node.rows)), node.width,
                                        size_text(work_mem_needed(node, settings_))));
        }
        facts.push_back(fmt::format("Needed in all: {}; work_mem is {}", size_text(largest_need(spilling, settings_)),
                                    size_text(candidate.current)));
        double predicted = 0;
        for (const auto& node : estimated) predicted += spilled_bytes(node, settings_);
        if (predicted > 0) {
            candidate.evidence.checked.push_back(
                fmt::format("The planner's rows give a spill of {}, {} was seen; the need is corrected by that",
                            size_text(predicted), size_text(candidate.io.bytes_written())));
        }
        if (!candidate.io.time_ms) {
            candidate.evidence.not_checked.push_back(
                "The time of temporary I/O: track_io_timing is off, or the server is older than 15");
        }
        if (!inputs_.database.memory_setting("work_mem")) {
            candidate.evidence.not_checked.push_back("The present work_mem: it was not read, and 4 MB are supposed");
        }
    }

    void compare(Candidate& candidate, const plan::PlannedStatement& before,
                 const plan::PlannedStatement& after) const {
        advice::CostComparison costs;
        costs.query_hash = candidate.statement->query_hash;
        costs.before = before.plan.total_cost();
        costs.after = after.plan.total_cost();
        costs.before_shape = shape_words(before.plan);
        costs.after_shape = shape_words(after.plan);
        costs.generic_plan = after.source == plan::PlanSource::generic;
        costs.calls_per_minute = inputs_.workload.calls_per_minute(*candidate.statement);
        candidate.evidence.costs.push_back(std::move(costs));
        candidate.evidence.checked.push_back(
            changes(before, after)
                ? "Planned under the changed setting: the plan changes, and the need is that of the new one"
                : "Planned under the changed setting: the plan stays the same, in memory");
    }

    /// Heaviest gain first, within what memory there is.
    void hand_out() {
        std::stable_sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
            return a.cost.saved_share * a.statement->sum.total_exec_time_ms >
                   b.cost.saved_share * b.statement->sum.total_exec_time_ms;
        });
        const auto available = available_bytes(inputs_.options.total_memory, inputs_.options.available_memory_pct);
        std::vector<MemoryDemand> demands;
        for (const auto& candidate : candidates_) demands.push_back(candidate.demand);
        const auto granted = available ? grant(demands, *available) : std::vector<bool>(demands.size(), true);
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            auto& candidate = candidates_[i];
            if (!granted[i]) {
                note(*candidate.statement,
                     fmt::format("work_mem of {} would remove its spill, but {} at once would take {}, and {} are "
                                 "available",
                                 size_text(candidate.advised), candidate.demand.concurrency,
                                 size_text(candidate.demand.bytes()), size_text(*available)));
                continue;
            }
            if (available) {
                candidate.evidence.checked.push_back(
                    fmt::format("{} at one time take at most {} of the {} available", candidate.demand.concurrency,
                                size_text(candidate.demand.bytes()), size_text(*available)));
            } else {
                candidate.evidence.not_checked.push_back(
                    fmt::format("The memory cap: the server's memory is not known; {} at one time take at most {}",
                                candidate.demand.concurrency, size_text(candidate.demand.bytes())));
            }
            findings_.findings.push_back(finding_of(candidate));
        }
    }

    [[nodiscard]] std::vector<Application> applications(const Candidate& candidate) const {
        const auto value = fmt::format("'{}'", memory_text(candidate.advised));
        std::vector<Application> list;
        list.push_back({Scope::query, "SET LOCAL work_mem = " + value, "SET LOCAL work_mem TO DEFAULT"});
        const auto& statement = *candidate.statement;
        if (!statement.user_name.empty()) {
            const auto role = catalog::quote_identifier(statement.user_name);
            list.push_back({Scope::role, fmt::format("ALTER ROLE {} SET work_mem = {}", role, value),
                            fmt::format("ALTER ROLE {} RESET work_mem", role)});
        }
        const auto database = catalog::quote_identifier(inputs_.database.name.empty() ? inputs_.workload.database_name
                                                                                      : inputs_.database.name);
        list.push_back({Scope::database, fmt::format("ALTER DATABASE {} SET work_mem = {}", database, value),
                        fmt::format("ALTER DATABASE {} RESET work_mem", database)});
        list.push_back({Scope::server, "ALTER SYSTEM SET work_mem = " + value, "ALTER SYSTEM RESET work_mem"});
        return list;
    }

    [[nodiscard]] Finding finding_of(Candidate& candidate) const {
        Finding finding;
        finding.parameter_name = candidate.rule;
        finding.current_value = memory_text(candidate.current);
        finding.recommended_value = memory_text(candidate.advised);
        finding.applies_as = applications(candidate);
        finding.plan_shape = candidate.plan_shape;
        finding.temp_blocks = candidate.io.blocks_written;
        const auto& statement = *candidate.statement;
        auto& advice = finding.advice;
        advice.rule = candidate.rule;
        advice.source = advice::SourceType::parameter;
        advice.database_name = inputs_.workload.database_name;
        advice.title = fmt::format("Give {} work_mem of {} instead of {}", base::one_line(statement.text, 60),
                                   finding.recommended_value, finding.current_value);
        advice.reasoning = fmt::format(
            "A call writes {} of temporary files, about {} of its {}. With work_mem of {} it stays in memory. Set it "
            "in the transaction that runs the statement; the wider scopes are beside it.",
            size_text(candidate.io.bytes_written()),
            base::to_words(statement.mean_exec_time() * (candidate.improvement_percent / 100)),
            base::to_words(statement.mean_exec_time()), finding.recommended_value);
        advice.statement = finding.applies_as.front().statement;
        advice.rollback_statement = finding.applies_as.front().inverse;
        for (std::size_t i = 1; i < finding.applies_as.size(); ++i) {
            advice.alternatives.push_back(finding.applies_as[i].statement);
        }
        advice.served = {served_by(inputs_, statement, candidate.improvement_percent)};
        advice.estimated_improvement_percent = candidate.improvement_percent;
        advice.confidence = confidence_of(candidate.rule, candidate.cost.measured ? 1.0 : 0.4);
        advice.evidence = std::move(candidate.evidence);
        advice.evidence.basis = advice::Basis::modelled_cost;
        advice.identity = identity_of("work_mem", statement);
        return finding;
    }

    const Inputs& inputs_;
    Findings& findings_;
    MemorySettings settings_;
    std::vector<Candidate> candidates_;
};

}  // namespace

void find_work_mem(const Inputs& inputs, Findings& findings) {
    WorkMemRule(inputs, findings).run();
}

}  // namespace pganalytics::parameters
