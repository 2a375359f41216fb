#include "postgres/connection.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/text.hpp"
#include "postgres/blocking_calls.hpp"
#include "postgres/connection_impl.hpp"
#include "postgres/server_error.hpp"

namespace pganalytics::postgres {

using base::Deadline;
using base::Error;
using base::ErrorCode;

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Where the first word starts: past white space and comments, which nest.
std::size_t first_word(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        if (is_space(text[at])) {
            ++at;
        } else if (text.substr(at, 2) == "--") {
            const auto end = text.find('\n', at);
            at = end == std::string_view::npos ? text.size() : end + 1;
        } else if (text.substr(at, 2) == "/*") {
            int depth = 0;
            do {
                const auto two = text.substr(at, 2);
                depth += two == "/*" ? 1 : two == "*/" ? -1 : 0;
                at += two == "/*" || two == "*/" ? 2 : 1;
            } while (depth > 0 && at < text.size());
        } else {
            break;
        }
    }
    return at;
}

/// Past the first word, or past the parenthesis that a statement may start with.
std::size_t end_of_first_word(std::string_view text) {
    auto at = first_word(text);
    if (at < text.size() && text[at] == '(') return at + 1;
    while (at < text.size() && is_letter(text[at])) ++at;
    return at;
}

int characters_of(std::string_view text) {
    int count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    return count;
}

}  // namespace

Tagged tagged(std::string_view statement) {
    const auto at = end_of_first_word(statement);
    const auto head = statement.substr(0, at);
    const auto rest = statement.substr(at);
    if (head.find(statement_tag) != std::string_view::npos || base::trim(rest).starts_with(statement_tag)) {
        return {std::string(statement), {}};
    }
    std::string tag = " " + std::string(statement_tag);
    if (!rest.empty() && !is_space(rest.front())) tag += ' ';
    const TagPlace place{characters_of(head), static_cast<int>(tag.size())};
    return {std::string(head) + tag + std::string(rest), place};
}

bool is_own_statement(std::string_view text) {
    const auto at = end_of_first_word(text);
    return text.substr(0, at).find(statement_tag) != std::string_view::npos ||
           base::trim(text.substr(at)).starts_with(statement_tag);
}

// ---- the wire ------------------------------------------------------------------------------------------------------

Error Connection::Impl::broken_connection() {
    broken = true;
    last_error = ServerError{"08006", base::to_valid_utf8(PQerrorMessage(handle.get())), "", "", 0};
    return {ErrorCode::connect_failed,
            "The connection to " + where() + " broke: " + base::one_line(base::redact_text(last_error.message), 300),
            "The server was stopped, crashed, or ended the session; see its log, and connect again", ""};
}

base::Status Connection::Impl::usable() const {
    if (!broken && PQstatus(handle.get()) == CONNECTION_OK) return {};
    return Error{ErrorCode::connect_failed, "The connection to " + where() + " is no longer usable", "Connect again",
                 ""};
}

base::Status Connection::Impl::wait(short events, Deadline until) {
    pollfd watched{PQsocket(handle.get()), events, 0};
    if (watched.fd < 0) return broken_connection();
    while (!until.passed()) {
        const auto left =
            std::min<std::chrono::milliseconds>(until.left() + std::chrono::milliseconds(1), std::chrono::hours(1));
        const int count = ::poll(&watched, 1, static_cast<int>(left.count()));
        if (count > 0) return {};
        if (count < 0 && errno != EINTR) return broken_connection();
    }
    // The answer may still come, and would then be taken for the next statement's: the connection is given up.
    broken = true;
    last_error = ServerError{"", "no answer in time", "", "", 0};
    return Error{ErrorCode::retry_later,
                 where() + " did not answer within " + base::to_words(base::Milliseconds(options.round_trip_timeout)),
                 "The server or the network is stuck or overloaded; try again later", ""};
}

base::Status Connection::Impl::flush(Deadline until) {
    for (;;) {
        const int left = PQflush(handle.get());
        if (left < 0) return broken_connection();
        if (left == 0) return {};
        PGANALYTICS_RETURN_IF_ERROR(wait(POLLIN | POLLOUT, until));
        if (PQconsumeInput(handle.get()) == 0) return broken_connection();
    }
}

base::Result<ResultHandle> Connection::Impl::next_result(Deadline until) {
    PGANALYTICS_RETURN_IF_ERROR(flush(until));
    while (PQisBusy(handle.get()) != 0) {
        PGANALYTICS_RETURN_IF_ERROR(wait(POLLIN, until));
        if (PQconsumeInput(handle.get()) == 0) return broken_connection();
    }
    return ResultHandle(PQgetResult(handle.get()));
}

Error Connection::Impl::fail(const PGresult* result, TagPlace tag) {
    const auto field = [&](int code) {
        const char* text = PQresultErrorField(result, code);
        return base::to_valid_utf8(text != nullptr ? text : "");
    };
    const auto state = field(PG_DIAG_SQLSTATE);
    if (state.empty() && PQstatus(handle.get()) != CONNECTION_OK) return broken_connection();
    last_error = ServerError{state, field(PG_DIAG_MESSAGE_PRIMARY), field(PG_DIAG_MESSAGE_DETAIL),
                             field(PG_DIAG_MESSAGE_HINT), 0};
    if (last_error.message.empty()) last_error.message = base::to_valid_utf8(PQresultErrorMessage(result));
    if (const auto at = base::parse_integer(field(PG_DIAG_STATEMENT_POSITION)); at) {
        const int position = static_cast<int>(*at);
        last_error.position = position > tag.after ? std::max(position - tag.length, 1) : position;
    }
    // The session's own end is told by a last message before the socket closes.
    if (state.starts_with("57P") || state == "25P03") broken = true;
    return error_of_statement(last_error, where());
}

base::Result<ResultHandle> Connection::Impl::finish_command(Deadline until) {
    ResultHandle last;
    for (;;) {
        PGANALYTICS_ASSIGN(auto result, next_result(until));
        if (result == nullptr) break;
        const auto status = PQresultStatus(result.get());
        const bool already_failed = last != nullptr && PQresultStatus(last.get()) == PGRES_FATAL_ERROR;
        if (!already_failed) last = std::move(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) break;
        if (PQstatus(handle.get()) != CONNECTION_OK) break;
    }
    if (last == nullptr) return broken_connection();
    return last;
}

base::Result<Rows> Connection::Impl::run(const std::string& statement, const Parameters& parameters, TagPlace tag) {
    PGANALYTICS_RETURN_IF_ERROR(usable());
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) {
        if (parameter && parameter->find('\0') != std::string::npos) {
            return Error{ErrorCode::fix_input, "A value contains a NUL byte, which PostgreSQL cannot hold in text", "",
                         ""};
        }
        values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    if (statement.find('\0') != std::string::npos) {
        return Error{ErrorCode::fix_input, "The statement contains a NUL byte", "Remove it", ""};
    }
    if (PQsendQueryParams(handle.get(), statement.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                          nullptr, nullptr, 0) == 0) {
        return broken_connection();
    }
    const auto until = deadline();
    PGANALYTICS_ASSIGN(auto result, finish_command(until));
    switch (PQresultStatus(result.get())) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_EMPTY_QUERY:
            break;
        case PGRES_COPY_IN:
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            broken = true;
            return Error{ErrorCode::fix_input, "COPY cannot be run as a query", "", ""};
        default:
            return fail(result.get(), tag);
    }
    auto rows = std::make_unique<Rows::Impl>();
    rows->result = std::move(result);
    return Rows(std::move(rows));
}

std::string Connection::Impl::local_settings(bool read_only) const {
    return "SELECT pg_catalog.set_config('statement_timeout', '" + std::to_string(options.statement_timeout.count()) +
           "', true), pg_catalog.set_config('lock_timeout', '" + std::to_string(options.lock_timeout.count()) +
           "', true), pg_catalog.set_config('transaction_read_only', '" + (read_only ? "on" : "off") + "', true)";
}

// ---- Connection ----------------------------------------------------------------------------------------------------

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

base::Result<Connection> Connection::open(const base::Secret& conninfo, const ConnectOptions& options) {
    PGANALYTICS_ASSIGN(auto impl, connect(conninfo, options));
    return Connection(std::move(impl));
}

base::Result<Rows> Connection::query(std::string_view statement, const Parameters& parameters) {
    const auto text = impl_->options.tagged ? tagged(statement) : Tagged{std::string(statement), {}};
    if (!impl_->pooled || in_transaction()) return impl_->run(text.text, parameters, text.tag);
    PGANALYTICS_ASSIGN(auto transaction,
                       Transaction::begin(*this, impl_->options.read_only ? Transaction::Mode::read_only
                                                                          : Transaction::Mode::read_write));
    PGANALYTICS_ASSIGN(auto rows, impl_->run(text.text, parameters, text.tag));
    PGANALYTICS_RETURN_IF_ERROR(transaction.commit());
    return rows;
}

base::Status Connection::execute_script(const OurSql& script) {
    PGANALYTICS_RETURN_IF_ERROR(impl_->usable());
    const auto text = tagged(script.text());
    if (PQsendQuery(impl_->handle.get(), text.text.c_str()) == 0) return impl_->broken_connection();
    PGANALYTICS_ASSIGN(const auto result, impl_->finish_command(impl_->deadline()));
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return {};
    return impl_->fail(result.get(), text.tag);
}

base::Status Connection::prepare(std::string_view name, std::string_view statement,
                                 std::span<const std::uint32_t> parameter_types) {
    PGANALYTICS_RETURN_IF_ERROR(impl_->usable());
    // No tag: a statement that is prepared and planned but never run does not show in pg_stat_statements. With the tag,
    // its text would become that of the application's own entry, should both log in as the same role.
    const std::string text(statement);
    if (text.find('\0') != std::string::npos) {
        return Error{ErrorCode::fix_input, "The statement contains a NUL byte", "Remove it", ""};
    }
    const std::vector<Oid> types(parameter_types.begin(), parameter_types.end());
    if (PQsendPrepare(impl_->handle.get(), std::string(name).c_str(), text.c_str(), static_cast<int>(types.size()),
                      types.data()) == 0) {
        return impl_->broken_connection();
    }
    PGANALYTICS_ASSIGN(const auto result, impl_->finish_command(impl_->deadline()));
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return {};
    return impl_->fail(result.get(), {});
}

base::Result<std::optional<std::string>> Connection::wait_for_notification(std::chrono::milliseconds timeout) {
    PGANALYTICS_RETURN_IF_ERROR(impl_->usable());
    auto* const handle = impl_->handle.get();
    const auto until = Deadline::after(timeout);
    for (;;) {
        if (PQconsumeInput(handle) == 0) return impl_->broken_connection();
        if (PGnotify* notification = PQnotifies(handle)) {
            std::string payload = notification->extra != nullptr ? notification->extra : "";
            PQfreemem(notification);
            return std::optional(std::move(payload));
        }
        if (until.passed()) return std::optional<std::string>();
        pollfd watched{PQsocket(handle), POLLIN, 0};
        const auto left =
            std::min<std::chrono::milliseconds>(until.left() + std::chrono::milliseconds(1), std::chrono::hours(1));
        if (::poll(&watched, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)
            return impl_->broken_connection();
    }
}

const ServerError& Connection::last_server_error() const {
    return impl_->last_error;
}
bool Connection::healthy() const {
    return impl_ != nullptr && impl_->usable().has_value();
}
int Connection::server_version() const {
    return PQserverVersion(impl_->handle.get());
}
std::string Connection::redacted() const {
    return impl_->where();
}
std::string Connection::database() const {
    return impl_->endpoint.database;
}
std::string Connection::user() const {
    return impl_->endpoint.user;
}
bool Connection::pooled() const {
    return impl_->pooled;
}
bool Connection::in_transaction() const {
    return PQtransactionStatus(impl_->handle.get()) != PQTRANS_IDLE;
}
void Connection::set_round_trip_timeout(std::chrono::milliseconds timeout) {
    impl_->options.round_trip_timeout = timeout;
}

void Connection::cancel() {
    // PQcancel opens a second connection, blocking; what it fails at is told by the statement's own deadline.
    const auto canceller = impl_->canceller;
    if (canceller == nullptr) return;
    const auto request = [canceller] {
        char message[256];
        PQcancel(canceller.get(), message, sizeof message);
    };
    static_cast<void>(BlockingCalls::of_process().run(request, Deadline::after(std::chrono::seconds(5))));
}

// ---- Transaction ---------------------------------------------------------------------------------------------------

base::Result<Transaction> Transaction::begin(Connection& connection, Mode mode) {
    auto& impl = *connection.impl_;
    const bool read_only = mode == Mode::read_only;
    const auto begin = tagged(read_only ? "BEGIN READ ONLY" : "BEGIN READ WRITE");
    PGANALYTICS_RETURN_IF_ERROR(impl.usable());
    PGANALYTICS_ASSIGN(const auto begun, impl.run(begin.text, {}, begin.tag));
    Transaction transaction(connection);
    if (impl.pooled) {
        const auto settings = tagged(impl.local_settings(read_only));
        PGANALYTICS_ASSIGN(const auto set, impl.run(settings.text, {}, settings.tag));
    }
    return transaction;
}

Transaction::Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
    if (connection_ != nullptr && connection_->healthy()) static_cast<void>(rollback());
}

base::Status Transaction::commit() {
    base::check(connection_ != nullptr, "commit() of a transaction that is over");
    auto& impl = *std::exchange(connection_, nullptr)->impl_;
    const bool failed = PQtransactionStatus(impl.handle.get()) == PQTRANS_INERROR;
    const auto statement = tagged("COMMIT");
    PGANALYTICS_ASSIGN(const auto done, impl.run(statement.text, {}, statement.tag));
    if (failed) {
        return Error{ErrorCode::unprocessable, "The transaction was rolled back, because a statement in it had failed",
                     "", ""};
    }
    return {};
}

base::Status Transaction::rollback() {
    base::check(connection_ != nullptr, "rollback() of a transaction that is over");
    auto& impl = *std::exchange(connection_, nullptr)->impl_;
    const auto statement = tagged("ROLLBACK");
    PGANALYTICS_ASSIGN(const auto done, impl.run(statement.text, {}, statement.tag));
    return {};
}

}  // namespace pganalytics::postgres
