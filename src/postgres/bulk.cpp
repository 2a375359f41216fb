// The two ways to send much in few round trips: pipeline mode and COPY.

#include <poll.h>

#include "postgres/connection_impl.hpp"

namespace pganalytics::postgres {
namespace {

using base::Error;
using base::ErrorCode;

/// Whatever the outcome, the connection leaves pipeline mode, or is given up.
class PipelineMode {
  public:
    explicit PipelineMode(Connection::Impl& connection)
        : connection_(connection), entered_(PQenterPipelineMode(connection.handle.get()) == 1) {}
    ~PipelineMode() {
        if (entered_ && PQexitPipelineMode(connection_.handle.get()) != 1) connection_.broken = true;
    }
    PipelineMode(const PipelineMode&) = delete;
    PipelineMode& operator=(const PipelineMode&) = delete;
    [[nodiscard]] bool entered() const { return entered_; }

  private:
    Connection::Impl& connection_;
    bool entered_;
};

bool succeeded(ExecStatusType status) {
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}

bool send(Connection::Impl& connection, const std::string& statement, const Parameters& parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
    return PQsendQueryParams(connection.handle.get(), statement.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0) == 1;
}

}  // namespace

base::Result<std::vector<Rows>> Connection::pipeline(std::span<const std::pair<std::string, Parameters>> statements) {
    auto& impl = *impl_;
    PGANALYTICS_RETURN_IF_ERROR(impl.usable());
    for (const auto& [statement, parameters] : statements) {
        bool has_nul = statement.find('\0') != std::string::npos;
        for (const auto& parameter : parameters)
            has_nul = has_nul || (parameter && parameter->find('\0') != std::string::npos);
        if (has_nul) return Error{ErrorCode::fix_input, "A statement or value contains a NUL byte", "Remove it", ""};
    }
    std::vector<Rows> all;
    std::optional<Error> failure;
    const PipelineMode mode(impl);
    if (!mode.entered()) return impl.broken_connection();

    const bool own_settings = impl.pooled && !in_transaction();
    if (own_settings && !send(impl, tagged(impl.local_settings(impl.options.read_only)).text, {})) {
        return impl.broken_connection();
    }
    std::vector<TagPlace> tags;
    for (const auto& [statement, parameters] : statements) {
        const auto text = tagged(statement);
        tags.push_back(text.tag);
        if (!send(impl, text.text, parameters)) return impl.broken_connection();
        // A long pipeline must not wait in memory for its end, nor deadlock with a server that waits for us to read.
        if (PQflush(impl.handle.get()) < 0) return impl.broken_connection();
    }
    if (PQpipelineSync(impl.handle.get()) != 1) return impl.broken_connection();

    const auto until = impl.deadline();
    const std::size_t skipped = own_settings ? 1 : 0;
    for (std::size_t i = 0; i < statements.size() + skipped; ++i) {
        for (;;) {
            PGANALYTICS_ASSIGN(auto result, impl.next_result(until));
            if (result == nullptr) break;
            const auto status = PQresultStatus(result.get());
            if (succeeded(status)) {
                if (failure || i < skipped) continue;
                auto rows = std::make_unique<Rows::Impl>();
                rows->result = std::move(result);
                all.push_back(Rows(std::move(rows)));
            } else if (status != PGRES_PIPELINE_ABORTED && !failure) {
                failure = impl.fail(result.get(), i >= skipped ? tags[i - skipped] : TagPlace{});
            }
            if (PQstatus(impl.handle.get()) != CONNECTION_OK) return impl.broken_connection();
        }
    }
    PGANALYTICS_ASSIGN(const auto sync, impl.next_result(until));
    if (sync == nullptr || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) {
        impl.broken = true;
    }
    if (failure) return *failure;
    return all;
}

base::Result<std::int64_t> Connection::copy_in(std::string_view copy_statement,
                                               const std::function<std::string_view()>& next) {
    auto& impl = *impl_;
    auto* const handle = impl.handle.get();
    PGANALYTICS_RETURN_IF_ERROR(impl.usable());
    const auto text = tagged(copy_statement);
    if (!send(impl, text.text, {})) return impl.broken_connection();
    PGANALYTICS_ASSIGN(const auto opened, impl.finish_command(impl.deadline()));
    if (PQresultStatus(opened.get()) != PGRES_COPY_IN) {
        if (PQresultStatus(opened.get()) == PGRES_FATAL_ERROR) return impl.fail(opened.get(), text.tag);
        return Error{ErrorCode::internal, "copy_in() was given a statement that is not COPY … FROM STDIN", "", ""};
    }
    for (auto chunk = next(); !chunk.empty(); chunk = next()) {
        for (;;) {
            const int sent = PQputCopyData(handle, chunk.data(), static_cast<int>(chunk.size()));
            if (sent < 0) return impl.broken_connection();
            if (sent == 1) break;
            PGANALYTICS_RETURN_IF_ERROR(impl.flush(impl.deadline()));
        }
        // Without this the whole input would pile up in libpq's buffer.
        PGANALYTICS_RETURN_IF_ERROR(impl.flush(impl.deadline()));
    }
    for (;;) {
        const int ended = PQputCopyEnd(handle, nullptr);
        if (ended < 0) return impl.broken_connection();
        if (ended == 1) break;
        PGANALYTICS_RETURN_IF_ERROR(impl.flush(impl.deadline()));
    }
    PGANALYTICS_ASSIGN(auto result, impl.finish_command(impl.deadline()));
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return impl.fail(result.get(), text.tag);
    auto rows = std::make_unique<Rows::Impl>();
    rows->result = std::move(result);
    return Rows(std::move(rows)).affected();
}

}  // namespace pganalytics::postgres
