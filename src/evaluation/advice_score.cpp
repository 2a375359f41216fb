#include "evaluation/advice_score.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "evaluation/ddl_shape.hpp"

namespace pganalytics::evaluation {

using simulation::Alternative;
using simulation::Fault;
using simulation::Remedy;
using simulation::RemedyKind;
using simulation::ShopTruth;

namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

bool starts_with(const std::vector<std::string>& list, const std::vector<std::string>& start) {
    return list.size() >= start.size() && std::equal(start.begin(), start.end(), list.begin());
}

bool serves_one_of(const ScoredAdvice& advice, const std::vector<base::QueryHash>& hashes) {
    return std::any_of(advice.query_hashes.begin(), advice.query_hashes.end(), [&](base::QueryHash hash) {
        return std::find(hashes.begin(), hashes.end(), hash) != hashes.end();
    });
}

/// A fault with its remedies in the form in which advice is compared.
struct Planted {
    const Fault* fault = nullptr;
    std::vector<std::pair<Remedy, DdlShape>> remedies;
};

std::vector<Planted> prepare(const ShopTruth& truth) {
    std::vector<Planted> planted;
    for (const auto& fault : truth.faults) {
        Planted entry{&fault, {}};
        for (const auto& remedy : fault.remedies) {
            const auto shapes = ddl_shapes(remedy.statement);
            entry.remedies.emplace_back(remedy, shapes.empty() ? DdlShape{} : shapes.front());
        }
        planted.push_back(std::move(entry));
    }
    return planted;
}

bool same_index(const Remedy& remedy, const DdlShape& wanted, const DdlShape& given) {
    if (given.kind != DdlKind::create_index || given.table != wanted.table || given.method != wanted.method)
        return false;
    if (given.predicate != wanted.predicate || !starts_with(given.keys, wanted.keys)) return false;
    for (const auto& column : wanted.included) {
        if (!contains(given.included, column) && !contains(given.keys, column)) return false;
    }
    const auto columns = given.keys.size() + given.included.size();
    return remedy.more_columns || columns == wanted.keys.size() + wanted.included.size();
}

bool same_statistics(const DdlShape& wanted, const DdlShape& given) {
    if (given.kind != DdlKind::create_statistics || given.table != wanted.table) return false;
    return std::all_of(wanted.keys.begin(), wanted.keys.end(),
                       [&](const auto& key) { return contains(given.keys, key); });
}

bool is_remedy(const Fault& fault, const Remedy& remedy, const DdlShape& wanted, const ScoredAdvice& advice,
               const DdlShape& given) {
    switch (remedy.kind) {
        case RemedyKind::create_index:
            return same_index(remedy, wanted, given);
        case RemedyKind::create_statistics:
            return same_statistics(wanted, given);
        case RemedyKind::drop_index:
            return given.kind == DdlKind::drop_index && given.index == remedy.index;
        case RemedyKind::rewrite:
        case RemedyKind::parameter:
            return given.kind == DdlKind::other && contains(remedy.rules, advice.rule) &&
                   serves_one_of(advice, fault.query_hashes);
        case RemedyKind::pattern:
            return contains(remedy.rules, advice.rule) &&
                   (fault.query_hashes.empty() || serves_one_of(advice, fault.query_hashes));
    }
    return false;
}

/// An index whose first columns were tried and lower the cost of a faulty statement that the advice says it serves.
const Alternative* helpful_alternative(const ShopTruth& truth, const ScoredAdvice& advice, const DdlShape& given) {
    if (given.kind != DdlKind::create_index || given.method != "btree" || !given.predicate.empty()) return nullptr;
    for (const auto& alternative : truth.alternatives) {
        if (alternative.table != given.table || !starts_with(given.keys, alternative.keys)) continue;
        const auto* statement = truth.find(alternative.query_hash);
        if (statement == nullptr || statement->healthy) continue;
        if (serves_one_of(advice, statement->query_hashes)) return &alternative;
    }
    return nullptr;
}

std::string why_invented(const ShopTruth& truth, const ScoredAdvice& advice) {
    for (const auto hash : advice.query_hashes) {
        const auto* statement = truth.find(hash);
        if (statement != nullptr && statement->healthy) return "for the healthy statement " + statement->name;
    }
    for (const auto hash : advice.query_hashes) {
        const auto* statement = truth.find(hash);
        if (statement != nullptr) return "not what " + statement->name + " needs";
    }
    return advice.query_hashes.empty() ? "nothing like it is planted" : "for a statement that is not the shop's";
}

class Judge {
  public:
    explicit Judge(const ShopTruth& truth) : truth_(truth), planted_(prepare(truth)) {}

    void judge(const ScoredAdvice& advice) {
        auto shapes = ddl_shapes(advice.statement);
        if (shapes.empty()) shapes.emplace_back();
        // Several indexes in one piece of advice are several claims.
        const bool all_indexes =
            std::all_of(shapes.begin(), shapes.end(), [](const auto& shape) { return shape.kind != DdlKind::other; });
        if (!all_indexes) shapes.resize(1);
        for (const auto& shape : shapes) judge(advice, shape);
    }

    AdviceScore finish() {
        std::map<std::string, std::size_t> places;
        for (const auto& [fault, remedies] : planted_) {
            const auto [place, is_new] = places.try_emplace(fault->kind, score_.kinds.size());
            if (is_new) score_.kinds.push_back({fault->kind, 0, 0, 0, {}});
            auto& kind = score_.kinds[place->second];
            ++kind.planted;
            ++score_.planted;
            if (found_.contains(fault->id)) {
                ++kind.found;
                ++score_.found;
                continue;
            }
            ++kind.missed;
            ++score_.missed;
            kind.missed_ids.push_back(fault->id);
        }
        for (const auto& statement : truth_.statements) score_.healthy_statements += statement.healthy ? 1 : 0;
        return std::move(score_);
    }

  private:
    void judge(const ScoredAdvice& advice, const DdlShape& given) {
        JudgedAdvice judged{advice, Outcome::invented, "", ""};
        std::vector<std::string> solved;
        for (const auto& [fault, remedies] : planted_) {
            for (const auto& [remedy, wanted] : remedies) {
                if (!is_remedy(*fault, remedy, wanted, advice, given)) continue;
                solved.push_back(fault->id);
                break;
            }
        }
        if (!solved.empty()) {
            judged.outcome = Outcome::duplicate;
            for (const auto& id : solved) {
                if (found_.insert(id).second) judged.outcome = Outcome::found;
            }
            judged.fault = fmt::format("{}", fmt::join(solved, ", "));
            judged.reason = judged.outcome == Outcome::found ? "the remedy" : "the remedy again";
        } else if (const auto* alternative = helpful_alternative(truth_, advice, given)) {
            judged.outcome = Outcome::helpful;
            judged.fault = truth_.find(alternative->query_hash)->name;
            judged.reason = fmt::format("lowers the cost from {:.0f} to {:.0f}, but is not the remedy",
                                        alternative->cost_before, alternative->cost_after);
        } else {
            judged.reason = why_invented(truth_, advice);
        }
        count(judged);
        score_.advice.push_back(std::move(judged));
    }

    void count(const JudgedAdvice& judged) {
        score_.duplicates += judged.outcome == Outcome::duplicate ? 1 : 0;
        score_.helpful += judged.outcome == Outcome::helpful ? 1 : 0;
        if (judged.outcome != Outcome::invented) return;
        ++score_.invented;
        const auto& hashes = judged.advice.query_hashes;
        const bool on_healthy = std::any_of(hashes.begin(), hashes.end(), [&](base::QueryHash hash) {
            const auto* statement = truth_.find(hash);
            return statement != nullptr && statement->healthy;
        });
        score_.invented_on_healthy += on_healthy ? 1 : 0;
    }

    const ShopTruth& truth_;
    std::vector<Planted> planted_;
    std::set<std::string> found_;
    AdviceScore score_;
};

}  // namespace

AdviceScore score_advice(const ShopTruth& truth, const std::vector<ScoredAdvice>& advice) {
    Judge judge(truth);
    for (const auto& item : advice) judge.judge(item);
    return judge.finish();
}

double AdviceScore::precision() const {
    return found + invented == 0 ? 1.0 : static_cast<double>(found) / (found + invented);
}

double AdviceScore::recall() const {
    return planted == 0 ? 1.0 : static_cast<double>(found) / planted;
}

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::found:
            return "found";
        case Outcome::duplicate:
            return "duplicate";
        case Outcome::helpful:
            return "helpful";
        case Outcome::invented:
            return "invented";
    }
    return "";
}

}  // namespace pganalytics::evaluation
