#include "workflow/prediction_subject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sql/identity.hpp"
#include "store/history.hpp"
#include "store/recommendations.hpp"
#include "workflow/training_samples.hpp"

namespace pganalytics::workflow {

namespace {

constexpr std::size_t most_known = 5'000;
constexpr std::chrono::days place_lookback{30};

/// Everything of a request that decides what it is about.
std::string name_of(const prediction::PredictionRequest& request) {
    return fmt::format("{} {} {} {}", request.query_hash ? base::to_integer(*request.query_hash) : 0,
                       request.target ? base::to_integer(*request.target) : 0, request.database_name.value_or("\n"),
                       request.query_text);
}

bool serves(const store::Recommendation& recommendation, base::QueryHash query_hash) {
    if (recommendation.query_hash == query_hash) return true;
    const auto all = nlohmann::json::parse(recommendation.query_hashes_json, nullptr, false);
    if (!all.is_array()) return false;
    return std::any_of(all.begin(), all.end(), [&](const auto& one) {
        return one.is_object() && one.value("query_hash", std::int64_t{0}) == base::to_integer(query_hash);
    });
}

/// Whether it still is to be done.
bool is_open(const store::Recommendation& recommendation) {
    const auto& status = recommendation.implementation_status;
    return !recommendation.is_dismissed && !recommendation.is_stale && status != "pending" && status != "implemented";
}

}  // namespace

base::Result<PredictionSubjects::Subject> PredictionSubjects::find(const prediction::PredictionRequest& request) {
    if (!request.query_hash && request.query_text.empty()) {
        return base::Error{base::ErrorCode::fix_input, "A prediction needs a query_hash or a query_text",
                           "Give query_hash, or query_text with database_name.", "query_hash"};
    }
    if (request.query_hash && !request.query_text.empty()) {
        return base::Error{base::ErrorCode::fix_input, "query_hash and query_text name two statements",
                           "Give one of them.", "query_text"};
    }
    if (!request.query_text.empty() && !request.database_name) {
        return base::Error{base::ErrorCode::fix_input, "A query_text needs the database it is for",
                           "Give database_name, and target where several have one of that name.", "database_name"};
    }
    const std::string name = name_of(request);
    const auto now = clock_.monotonic();
    {
        const std::lock_guard lock(mutex_);
        const auto known = known_.find(name);
        if (known != known_.end() && now < known->second.second) return known->second.first;
    }
    PGANALYTICS_ASSIGN(auto subject, read(request));
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most_known) std::erase_if(known_, [&](const auto& one) { return one.second.second <= now; });
    if (known_.size() >= most_known) known_.clear();
    known_.insert_or_assign(name, std::pair(subject, now + kept_for_));
    return subject;
}

base::Result<std::vector<store::HistoryPoint>> PredictionSubjects::past_of(const PredictionSubject& subject,
                                                                           const store::Window& window) {
    return store::History(repository_)
        .statement_history({subject.target, "", subject.database_name}, subject.query_hash, window);
}

base::Result<PredictionSubjects::Subject> PredictionSubjects::read(const prediction::PredictionRequest& request) {
    auto subject = std::make_shared<PredictionSubject>();
    if (request.query_hash) {
        subject->query_hash = *request.query_hash;
        PGANALYTICS_ASSIGN(
            const auto place,
            store::History(repository_).resolve(*request.query_hash, request.target, request.database_name));
        subject->target = place.target_id;
        subject->database_name = place.database_name;
        subject->has_run = true;
    } else {
        subject->text = request.query_text;
        subject->as_asked = true;
        subject->query_hash = sql::query_hash(request.query_text);
        PGANALYTICS_RETURN_IF_ERROR(place_text(request, *subject));
    }
    PGANALYTICS_RETURN_IF_ERROR(read_statement(*subject));
    PGANALYTICS_RETURN_IF_ERROR(read_proposals(*subject));
    return Subject(std::move(subject));
}

base::Status PredictionSubjects::place_text(const prediction::PredictionRequest& request, PredictionSubject& subject) {
    store::History history(repository_);
    subject.database_name = *request.database_name;
    PGANALYTICS_ASSIGN(const auto places, history.places(subject.query_hash));
    subject.has_run = std::any_of(places.begin(), places.end(), [&](const store::StatementPlace& place) {
        return place.database_name == subject.database_name && (!request.target || place.target_id == *request.target);
    });
    PGANALYTICS_ASSIGN(const auto targets, targets_.list());
    std::vector<const store::Target*> choices;
    const auto now = clock_.now();
    for (const auto& target : targets) {
        if (request.target && target.id != *request.target) continue;
        PGANALYTICS_ASSIGN(const auto databases, history.databases(target.id, {now - place_lookback, now}));
        const bool has = std::find(databases.begin(), databases.end(), subject.database_name) != databases.end();
        if (has || request.target) choices.push_back(&target);
    }
    if (choices.size() == 1) {
        subject.target = choices.front()->id;
        return {};
    }
    if (choices.empty()) {
        return base::Error{base::ErrorCode::not_found,
                           request.target ? fmt::format("there is no target {}", base::to_integer(*request.target))
                                          : fmt::format("no target has a database {}", subject.database_name),
                           "`pganalytics targets` lists the targets; a database is known once something ran in it.",
                           request.target ? "target" : "database_name"};
    }
    std::string names;
    for (const auto* target : choices) {
        names += fmt::format("{}target={} ({})", names.empty() ? "" : "; ", base::to_integer(target->id), target->name);
    }
    return base::Error{base::ErrorCode::conflict,
                       fmt::format("{} targets have a database {}", choices.size(), subject.database_name),
                       "Name one: " + names, "target"};
}

base::Status PredictionSubjects::read_statement(PredictionSubject& subject) {
    std::optional<base::FingerprintHash> family;
    if (!subject.text.empty()) {
        if (const auto hash = sql::fingerprint_hash(subject.text)) family = *hash;
    }
    if (subject.has_run) {
        store::History history(repository_);
        const store::StatementPlace place{subject.target, "", subject.database_name};
        if (!subject.as_asked) {
            PGANALYTICS_ASSIGN(const auto found, history.text(subject.query_hash));
            subject.text = found.text;
            family = found.fingerprint_hash;
        }
        PGANALYTICS_ASSIGN(const auto plans, history.plans(place, subject.query_hash));
        std::vector<const store::StoredPlan*> oldest_first;
        for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) oldest_first.push_back(&*plan);
        std::stable_sort(oldest_first.begin(), oldest_first.end(),
                         [](const auto* a, const auto* b) { return a->captured_at < b->captured_at; });
        if (const auto* current = plan_at(oldest_first, clock_.now())) {
            if (auto parsed = plan::parse_explain_json(current->plan_json)) {
                subject.plan = std::make_shared<const plan::Plan>(plan::without_actuals(*parsed));
                subject.plan_shape = current->shape_hash;
                subject.captured_at = current->captured_at;
            }
        }
    }
    subject.group = template_key(subject.query_hash, family);
    return {};
}

base::Status PredictionSubjects::read_proposals(PredictionSubject& subject) {
    store::RecommendationStore recommendations(repository_);
    store::RecommendationFilter filter;
    filter.target = subject.target;
    filter.database_name = subject.database_name;
    filter.min_impact_percent = 0;
    filter.limit = 500;
    PGANALYTICS_ASSIGN(const auto page, recommendations.list(filter));
    std::optional<std::vector<store::ParameterSuggestion>> suggestions;
    for (const auto& one : page.items) {
        if (!is_open(one) || !serves(one, subject.query_hash)) continue;
        Proposal proposal{one.recommendation_text, one.source_type, one.statement, {}, {}};
        if (one.source_type == "parameter") {
            if (!suggestions) {
                PGANALYTICS_ASSIGN(suggestions, recommendations.parameter_suggestions(
                                                    subject.query_hash, subject.target, subject.database_name, 100));
            }
            for (const auto& suggestion : *suggestions) {
                if (one.source_id != base::to_integer(suggestion.id)) continue;
                proposal.parameter_name = suggestion.parameter_name;
                proposal.recommended_value = suggestion.recommended_value;
            }
        }
        subject.proposals_version += fmt::format("{}@{} ", base::to_integer(one.id), base::to_rfc3339(one.updated_at));
        subject.proposals.push_back(std::move(proposal));
    }
    return {};
}

}  // namespace pganalytics::workflow
