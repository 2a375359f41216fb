#pragma once
// workload_patterns: what detection found, kept. The same pattern found again (`identity`) updates its row and keeps
// its id; one that the newest detection of its database no longer finds is stale and leaves the lists. Errors as
// store/repository.hpp; fix_input for a cursor that is not ours.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

/// Fields as api/openapi.yaml names them.
struct StoredPattern {
    base::PatternId id{};
    base::TargetId target_id{};
    std::string target_name;
    std::string database_name;
    std::string identity;
    std::string pattern_type;
    std::string pattern_metadata_json;
    base::Timestamp detection_timestamp;
    std::string description;
    int affected_query_count = 0;
};

struct PatternToSave {
    std::string identity;  ///< names the same pattern from detection to detection
    std::string pattern_type;
    std::string pattern_metadata_json;
    std::string description;
    int affected_query_count = 0;
};

struct PatternFilter {
    std::optional<base::TargetId> target;
    std::optional<std::string> database_name;
    std::optional<std::string> pattern_type;
    std::size_t limit = 50;
    std::optional<std::string> cursor;
};

struct PatternSaveReport {
    std::size_t added = 0, updated = 0, stale = 0;
};

class PatternStore {
  public:
    explicit PatternStore(Repository& repository) : repository_(&repository) {}

    /// All patterns of one detection, in one transaction; identities must differ.
    [[nodiscard]] base::Result<PatternSaveReport> save(base::TargetId target, std::string_view database_name,
                                                       std::span<const PatternToSave> patterns,
                                                       base::Timestamp detected_at);
    /// Newest detection first.
    [[nodiscard]] base::Result<Page<StoredPattern>> list(const PatternFilter& filter);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
