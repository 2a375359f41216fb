#pragma once
// The SQL that makes an index without stopping writers, and the SQL that takes it away. A partitioned table refuses
// CREATE INDEX CONCURRENTLY: there the parent's index is made invalid first (ON ONLY), then each partition's
// concurrently, then attached; the parent's becomes valid with the last one.
// Source: PostgreSQL manual, "Table Partitioning: Partition Maintenance". Pure, thread-safe.

#include <map>
#include <set>
#include <string>

#include "catalog/catalog.hpp"
#include "indexes/candidate.hpp"

namespace pganalytics::indexes {

struct Ddl {
    std::string name;    ///< of the index on the candidate's relation, unquoted
    std::string create;  ///< one statement, or several that are run one by one, each ended by ";" and a line feed
    std::string rollback;
    bool several_steps = false;
};

/// Names used by relations and indexes, by schema. Chosen names are added.
class Names {
  public:
    explicit Names(const catalog::Database& database);
    [[nodiscard]] std::string choose(const Candidate& candidate);

  private:
    std::map<std::string, std::set<std::string, std::less<>>> taken_;
};

[[nodiscard]] Ddl make_ddl(const Candidate& candidate, const catalog::Database& database, Names& names);

}  // namespace pganalytics::indexes
