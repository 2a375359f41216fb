#include "store/tokens.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "store/records.hpp"

namespace pganalytics::store {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::array<std::string_view, 3> role_names{"viewer", "operator", "admin"};
constexpr std::string_view token_prefix = "pga_";

std::string columns() {
    return "token_id, name, role, " + microseconds_of("created_at") + ", " + microseconds_of("expires_at") + ", " +
           microseconds_of("last_used_at") + ", " + microseconds_of("revoked_at");
}

base::Result<Token> token_of(const postgres::Rows& rows, std::size_t row) {
    Token token;
    token.id = rows.integer(row, 0).value_or(0);
    token.name = rows.text(row, 1);
    PGANALYTICS_ASSIGN(token.role, parse_role(rows.text(row, 2)));
    token.created_at = time_cell(rows, row, 3);
    token.expires_at = optional_time_cell(rows, row, 4);
    token.last_used_at = optional_time_cell(rows, row, 5);
    token.revoked_at = optional_time_cell(rows, row, 6);
    return token;
}

constexpr Columns audit_columns(column("audit_id", &AuditEntry::id), column("at", &AuditEntry::at),
                                column("actor", &AuditEntry::actor), column("action", &AuditEntry::action),
                                column("object", &AuditEntry::object), column("details", &AuditEntry::details_json));

}  // namespace

std::string_view to_string(Role role) {
    return role_names[static_cast<std::size_t>(role)];
}

base::Result<Role> parse_role(std::string_view name) {
    const auto found = std::ranges::find(role_names, name);
    if (found != role_names.end()) return static_cast<Role>(found - role_names.begin());
    return Error{.code = ErrorCode::fix_input,
                 .message = "'" + std::string(name) + "' is not a role.",
                 .hint = "Roles are viewer, operator and admin.",
                 .field = "role"};
}

base::Result<CreatedToken> TokenStore::create(std::string_view name, Role role,
                                              std::optional<base::Timestamp> expires_at) {
    if (base::trim(name).empty()) {
        return Error{.code = ErrorCode::fix_input,
                     .message = "A token needs a name.",
                     .hint = "Name who or what will use it.",
                     .field = "name"};
    }
    base::Secret secret(std::string(token_prefix) + base::random_hex(32));
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<CreatedToken> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "insert into pganalytics.api_tokens (name, role, secret_sha256, expires_at) values ($1, $2, $3, $4) "
                "on conflict (name) where revoked_at is null do nothing returning " +
                    columns(),
                {storable(name), std::string(to_string(role)), base::sha256_hex(secret.reveal()),
                 sql_optional(expires_at)}));
        if (rows.empty()) {
            return Error{.code = ErrorCode::conflict,
                         .message = "There is a token named '" + std::string(name) + "' already.",
                         .hint = "Choose another name, or revoke that one.",
                         .field = "name"};
        }
        PGANALYTICS_ASSIGN(auto token, token_of(rows, 0));
        return CreatedToken{.token = std::move(token), .secret = secret};
    });
}

base::Result<std::vector<Token>> TokenStore::list() {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::vector<Token>> {
        PGANALYTICS_ASSIGN(const auto rows,
                           connection.query("select " + columns() + " from pganalytics.api_tokens order by token_id"));
        std::vector<Token> tokens;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            PGANALYTICS_ASSIGN(auto token, token_of(rows, row));
            tokens.push_back(std::move(token));
        }
        return tokens;
    });
}

base::Status TokenStore::revoke(std::int64_t id) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Status {
        PGANALYTICS_ASSIGN(
            const auto done,
            connection.query(
                "update pganalytics.api_tokens set revoked_at = now() where token_id = $1 and revoked_at is null",
                {std::to_string(id)}));
        if (done.affected() > 0) return {};
        return Error{.code = ErrorCode::not_found,
                     .message = "There is no live token " + std::to_string(id) + ".",
                     .hint = "List them with: pganalytics token list",
                     .field = "token_id"};
    });
}

base::Result<std::optional<Token>> TokenStore::verify(const base::Secret& secret) {
    if (!secret.reveal().starts_with(token_prefix)) return std::optional<Token>();
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<std::optional<Token>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query(
                "select " + columns() +
                    ", last_used_at is null or last_used_at < now() - interval '1 minute' from pganalytics.api_tokens "
                    "where secret_sha256 = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
                {base::sha256_hex(secret.reveal())}));
        if (rows.empty()) return std::optional<Token>();
        PGANALYTICS_ASSIGN(auto token, token_of(rows, 0));
        // To the minute, or every request would write.
        if (rows.boolean(0, 7)) {
            PGANALYTICS_ASSIGN(
                const auto noted,
                connection.query("update pganalytics.api_tokens set last_used_at = now() where token_id = $1",
                                 {std::to_string(token.id)}));
        }
        return std::optional<Token>(std::move(token));
    });
}

base::Status AuditStore::append(std::string_view actor, std::string_view action, std::string_view object,
                                std::string_view details_json) {
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Status {
        auto added = connection.query(
            "insert into pganalytics.audit_log (actor, action, object, details) values ($1, $2, $3, $4::jsonb)",
            {storable(actor), storable(action), storable(object), storable(details_json)});
        if (!added) return std::move(added).error();
        return {};
    });
}

base::Result<Page<AuditEntry>> AuditStore::list(std::size_t limit, const std::optional<std::string>& cursor) {
    postgres::Parameters parameters{std::nullopt, std::to_string(limit + 1)};
    if (cursor) {
        PGANALYTICS_ASSIGN(parameters[0], read_id_cursor("audit", *cursor));
    }
    return repository_->with_connection([&](postgres::Connection& connection) -> base::Result<Page<AuditEntry>> {
        PGANALYTICS_ASSIGN(
            const auto rows,
            connection.query("select " + audit_columns.list() +
                                 " from pganalytics.audit_log "
                                 "where ($1::bigint is null or audit_id < $1) order by audit_id desc limit $2::bigint",
                             parameters));
        return audit_columns.read_page(rows, limit, "audit",
                                       [](const AuditEntry& last) { return nlohmann::json{last.id}; });
    });
}

}  // namespace pganalytics::store
