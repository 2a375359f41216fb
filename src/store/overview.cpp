#include "store/overview.hpp"

namespace pganalytics::store {

namespace {

constexpr std::string_view jobs_sql =
    "select kind, status, count(*) from pganalytics.jobs"
    " where status in ('pending', 'running', 'failed') group by kind, status";
constexpr std::string_view recommendations_sql =
    "select database_name, source_type, count(*) from pganalytics.optimization_recommendations"
    " where not is_stale and not is_dismissed group by database_name, source_type";

}  // namespace

base::Result<Overview> read_overview(Repository& repository) {
    return repository.with_connection([](postgres::Connection& connection) -> base::Result<Overview> {
        Overview overview;
        PGANALYTICS_ASSIGN(const postgres::Rows jobs, connection.query(jobs_sql));
        for (std::size_t row = 0; row < jobs.size(); ++row) {
            overview.jobs.push_back({jobs.text(row, 0), jobs.text(row, 1), jobs.integer(row, 2).value_or(0)});
        }
        PGANALYTICS_ASSIGN(const postgres::Rows advice, connection.query(recommendations_sql));
        for (std::size_t row = 0; row < advice.size(); ++row) {
            overview.recommendations.push_back(
                {advice.text(row, 0), advice.text(row, 1), advice.integer(row, 2).value_or(0)});
        }
        return overview;
    });
}

}  // namespace pganalytics::store
