#include "store/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "store/records.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<std::string_view, 5> status_names{"pending", "running", "completed", "failed", "cancelled"};

void read_status(const Cell& from, Job& job) {
    const auto status = std::ranges::find(status_names, from.rows.text(from.row, from.column));
    job.status = static_cast<JobStatus>(status - status_names.begin());
}

constexpr Columns columns(column("job_id", &Job::id), column("kind", &Job::kind), column("target_id", &Job::target_id),
                          column("payload", &Job::payload_json), column<Job>("status", read_status),
                          column("progress", &Job::progress), column("stage", &Job::stage),
                          column("result", &Job::result_json), column("error", &Job::error),
                          column("attempt", &Job::attempt), column("max_attempts", &Job::max_attempts),
                          column("worker", &Job::worker), column("cancel_requested", &Job::cancel_requested),
                          column("created_at", &Job::created_at), column("updated_at", &Job::updated_at));

Error no_such_job(base::JobId id) {
    return {.code = ErrorCode::not_found,
            .message = "There is no job " + sql_text(id) + ".",
            .hint = "List them with GET /jobs.",
            .field = "job_id"};
}

Error lease_lost(const Job& job) {
    return {.code = ErrorCode::conflict,
            .message = "Worker " + job.worker + " no longer holds job " + sql_text(job.id) + ": its lease ran out.",
            .hint = "Drop the result; whoever holds the job now will give it.",
            .field = {}};
}

/// Held by this worker in this attempt: the same worker may have claimed it again after losing it.
constexpr std::string_view held = "job_id = $1 and status = 'running' and worker = $2 and attempt = $3";

postgres::Parameters holder(const Job& job) {
    return {sql_text(job.id), job.worker, std::to_string(job.attempt)};
}

base::Result<Job> one_job(postgres::Connection& connection, base::JobId id) {
    PGANALYTICS_ASSIGN(
        const auto rows,
        connection.query("select " + columns.list() + " from pganalytics.jobs where job_id = $1", {sql_text(id)}));
    if (rows.empty()) return no_such_job(id);
    return columns.read(rows, 0);
}

/// Runs an update that must meet the row that the worker holds.
base::Status update_held(Repository& repository, const Job& job, std::string_view assignments,
                         std::optional<std::string> argument) {
    return repository.with_connection([&](postgres::Connection& connection) -> base::Status {
        auto parameters = holder(job);
        if (argument) parameters.emplace_back(std::move(argument));
        PGANALYTICS_ASSIGN(const auto done,
                           connection.query(fmt::format("update pganalytics.jobs set {}, updated_at = now() where {}",
                                                        assignments, held),
                                            parameters));
        if (done.affected() == 0) return lease_lost(job);
        return {};
    });
}

}  // namespace

std::string_view to_string(JobStatus status) {
    return status_names[static_cast<std::size_t>(status)];
}

base::Result<Job> JobStore::enqueue(const NewJob& job) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Job> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select pganalytics.enqueue_job($1, $2::jsonb, $3, $4, $5, $6, $7)",
                                            {job.kind, job.payload_json, sql_optional(job.target_id),
                                             sql_optional(job.unique_key), sql_optional(job.not_before),
                                             std::to_string(job.max_attempts), std::to_string(job.priority)}));
        return one_job(connection, id_cell<base::JobId>(rows, 0, 0));
    });
}

base::Result<std::optional<Job>> JobStore::claim(std::string_view worker, std::span<const std::string> kinds,
                                                 std::chrono::milliseconds lease) {
    const std::vector<std::string> kind_list(kinds.begin(), kinds.end());
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<std::optional<Job>> {
        // Those that took their workers with them as often as they may, and those that were to be cancelled when they
        // did.
        PGANALYTICS_ASSIGN(
            const auto buried,
            connection.query(
                "update pganalytics.jobs set status = case when cancel_requested then 'cancelled' else 'failed' end, "
                "error = case when cancel_requested then null else format('The worker %s died or lost its lease, %s of "
                "%s attempts.', worker, attempt, max_attempts) end, "
                "lease_until = null, updated_at = now() "
                "where job_id in (select job_id from pganalytics.jobs where status = 'running' and lease_until < now() "
                "and (attempt >= max_attempts or cancel_requested) for update skip locked)"));
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "update pganalytics.jobs set status = 'running', worker = $1, attempt = attempt + 1, progress = 0, "
                "stage = '', "
                "lease_until = now() + $3::interval, updated_at = now() "
                "where job_id = (select job_id from pganalytics.jobs where kind = any($2::text[]) and not_before <= "
                "now() "
                "and (status = 'pending' or (status = 'running' and lease_until < now() and attempt < max_attempts)) "
                "order by priority desc, job_id limit 1 for update skip locked) returning " +
                    columns.list(),
                {std::string(worker), sql_array(kind_list), sql_text(lease)}));
        if (rows.empty()) return std::optional<Job>();
        return std::optional<Job>(columns.read(rows, 0));
    });
}

base::Result<LeaseState> JobStore::heartbeat(const Job& job, double progress, std::string_view stage,
                                             std::chrono::milliseconds lease) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<LeaseState> {
        auto parameters = holder(job);
        parameters.insert(parameters.end(),
                          {sql_text(std::clamp(progress, 0.0, 1.0)), std::string(stage), sql_text(lease)});
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query(fmt::format("update pganalytics.jobs set progress = $4, stage = $5, "
                                                        "lease_until = now() + $6::interval, updated_at = now() "
                                                        "where {} returning cancel_requested",
                                                        held),
                                            parameters));
        if (rows.empty()) return LeaseState::lost;
        return rows.boolean(0, 0) ? LeaseState::cancel_requested : LeaseState::held;
    });
}

base::Status JobStore::complete(const Job& job, std::string_view result_json) {
    return update_held(*repository_, job,
                       "status = 'completed', progress = 1, lease_until = null, error = null, result = $4::jsonb",
                       std::string(result_json));
}

base::Status JobStore::fail(const Job& job, std::string_view error, bool retry) {
    const bool again = retry && job.attempt < job.max_attempts;
    // A little later each time, so that a dependency that is down is not hammered.
    const std::string assignments = again ? fmt::format(
                                                "status = 'pending', worker = null, lease_until = null, error = $4, "
                                                "not_before = now() + interval '{} seconds'",
                                                1 << std::min(job.attempt, 8))
                                          : "status = 'failed', lease_until = null, error = $4";
    return update_held(*repository_, job, assignments, storable(error));
}

base::Status JobStore::acknowledge_cancel(const Job& job) {
    return update_held(*repository_, job, "status = 'cancelled', lease_until = null", std::nullopt);
}

base::Result<Job> JobStore::cancel(base::JobId id) {
    return repository_->with_transaction([&](postgres::Connection& connection) -> base::Result<Job> {
        PGANALYTICS_ASSIGN(const auto done,
                           connection.query("update pganalytics.jobs set cancel_requested = true, updated_at = now(), "
                                            "status = case when status = 'pending' then 'cancelled' else status end "
                                            "where job_id = $1 and status in ('pending', 'running')",
                                            {sql_text(id)}));
        PGANALYTICS_ASSIGN(auto job, one_job(connection, id));
        if (done.affected() == 0) {
            return Error{.code = ErrorCode::conflict,
                         .message = "Job " + sql_text(id) + " has ended (" + std::string(to_string(job.status)) + ").",
                         .hint = {},
                         .field = "job_id"};
        }
        return job;
    });
}

base::Result<Job> JobStore::find(base::JobId id) {
    return repository_->with_connection([&](postgres::Connection& connection) { return one_job(connection, id); });
}

base::Result<Page<Job>> JobStore::list(const JobFilter& filter) {
    postgres::Parameters parameters{sql_optional(filter.kind), std::nullopt, std::nullopt,
                                    std::to_string(filter.limit + 1)};
    if (filter.status) parameters[1] = std::string(to_string(*filter.status));
    if (filter.cursor) {
        PGANALYTICS_ASSIGN(parameters[2], read_id_cursor("jobs", *filter.cursor));
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<Job>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + columns.list() +
                                 " from pganalytics.jobs where ($1::text is null or kind = $1) and ($2::text is null "
                                 "or status = $2) "
                                 "and ($3::bigint is null or job_id < $3) order by job_id desc limit $4::bigint",
                             parameters));
        return columns.read_page(rows, filter.limit, "jobs",
                                 [](const Job& last) { return nlohmann::json{base::to_integer(last.id)}; });
    });
}

}  // namespace pganalytics::store
