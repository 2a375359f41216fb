#pragma once
// Advice kept: suggestions by query, and the ranked recommendations made of them. The same advice (Advice::identity)
// found again updates its row and keeps its id, its dismissal and its implementation; advice that an analysis no longer
// finds is marked stale and leaves the lists. Scores are computed by the SQL functions, so that there is one place for
// them.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "advice/advice.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

/// Fields as api/openapi.yaml names them; JSON columns are JSON text.
struct Recommendation {
    base::RecommendationId id{};
    base::TargetId target_id{};
    std::string database_name;
    std::optional<base::QueryHash> query_hash;
    std::string query_hashes_json;  ///< [{"query_hash", "query_hash_text", "share_of_benefit", …}]
    std::string rule;
    std::string source_type;  ///< index, rewrite, parameter, workload
    std::optional<std::int64_t> source_id;
    std::string recommendation_text;
    std::string detailed_explanation;
    std::string statement;
    std::string rollback_statement;
    double estimated_improvement_percent = 0;
    double confidence_score = 0;
    double urgency_score = 0;
    double roi_score = 0;
    std::string implementation_complexity;
    std::string evidence_json;
    bool is_dismissed = false;
    std::optional<std::string> dismissal_reason;
    std::optional<std::string> implementation_status;  ///< of the newest implementation, where there is one
    bool is_stale = false;
    base::Timestamp created_at{};
    base::Timestamp updated_at{};
};

struct RecommendationFilter {
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    std::optional<advice::SourceType> source_type;
    double min_impact_percent = 5;
    bool include_dismissed = false;
    std::size_t limit = 20;
    std::optional<std::string> cursor;
};

/// query_rewrite_suggestions, one row.
struct RewriteSuggestion {
    base::SuggestionId id{};
    base::TargetId target_id{};
    std::string database_name;
    base::QueryHash query_hash{};
    std::optional<base::FingerprintHash> fingerprint_hash;
    std::string suggestion_type, description, original_query, suggested_rewrite;
    std::vector<std::string> alternatives;
    std::string reasoning;
    double estimated_improvement_percent = 0;
    double confidence_score = 0;
    std::string evidence_json;
    bool dismissed = false, implemented = false;
    std::optional<std::string> implementation_notes;
    base::Timestamp created_at{}, updated_at{};
};

/// parameter_tuning_suggestions, one row.
struct ParameterSuggestion {
    base::SuggestionId id{};
    base::TargetId target_id{};
    std::string database_name;
    base::QueryHash query_hash{};
    std::string parameter_name, current_value, recommended_value, applies_as;
    std::string scopes_json;  ///< [{"scope", "statement", "inverse"}], narrowest first
    std::string reasoning;
    double estimated_improvement_percent = 0;
    double confidence_score = 0;
    std::string evidence_json;
    base::Timestamp created_at{}, updated_at{};
};

/// Where a setting can be set, and what undoes it there.
struct SettingScope {
    std::string scope, statement, inverse;
};

/// Beside the Advice, what only parameter advice has.
struct ParameterValues {
    std::string parameter_name, current_value, recommended_value;
    std::vector<SettingScope> scopes{};  ///< narrowest first
};

struct AdviceToSave {
    advice::Advice advice;
    std::optional<ParameterValues> parameter;  ///< for SourceType::parameter
};

/// What an analysis looked at: advice of these rules (and queries) that it did not find again is stale.
struct AdviceScope {
    std::string database_name;
    std::vector<std::string> rules;             ///< rules that ran to their end
    std::optional<base::QueryHash> query_hash;  ///< only this query was analysed; absent: the whole workload
    double min_confidence = 0;                  ///< below it a suggestion is kept, a recommendation is not made
};

struct SaveReport {
    std::size_t added = 0, updated = 0, stale = 0;
};

class RecommendationStore {
  public:
    explicit RecommendationStore(Repository& repository) : repository_(&repository) {}

    /// Suggestions and recommendations of one analysis, in one transaction.
    [[nodiscard]] base::Result<SaveReport> save(base::TargetId target, const AdviceScope& scope,
                                                std::span<const AdviceToSave> advice);
    [[nodiscard]] base::Result<Page<Recommendation>> list(const RecommendationFilter& filter);
    [[nodiscard]] base::Result<Recommendation> find(base::RecommendationId id);
    [[nodiscard]] base::Result<Recommendation> dismiss(base::RecommendationId id, std::string_view reason);
    [[nodiscard]] base::Result<std::vector<RewriteSuggestion>> rewrite_suggestions(
        base::QueryHash query_hash, std::optional<base::TargetId> target, std::optional<std::string> database_name,
        std::size_t limit);
    /// Best confidence first; absent filters let everything through.
    [[nodiscard]] base::Result<std::vector<ParameterSuggestion>> parameter_suggestions(
        std::optional<base::QueryHash> query_hash, std::optional<base::TargetId> target,
        std::optional<std::string> database_name, std::size_t limit);
    /// How often a rule's advice held when measured, over all targets.
    [[nodiscard]] base::Result<advice::RuleRecord> rule_record(std::string_view rule);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
