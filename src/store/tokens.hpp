#pragma once
// Bearer tokens of the HTTP interface: 256 random bits, kept as SHA-256 only, shown once. And the audit trail: who did
// what.

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "base/units.hpp"
#include "store/repository.hpp"

namespace pganalytics::store {

/// Ordered: each may what those before it may.
enum class Role { viewer, operator_, admin };
[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] base::Result<Role> parse_role(std::string_view name);

struct Token {
    std::int64_t id = 0;
    std::string name;
    Role role = Role::viewer;
    base::Timestamp created_at{};
    std::optional<base::Timestamp> expires_at;
    std::optional<base::Timestamp> last_used_at;  ///< to the minute
    std::optional<base::Timestamp> revoked_at;
};

struct CreatedToken {
    Token token;
    base::Secret secret;  ///< "pga_" + 64 hex digits; never to be had again
};

class TokenStore {
  public:
    explicit TokenStore(Repository& repository) : repository_(&repository) {}

    /// conflict when a live token has that name.
    [[nodiscard]] base::Result<CreatedToken> create(std::string_view name, Role role,
                                                    std::optional<base::Timestamp> expires_at = {});
    [[nodiscard]] base::Result<std::vector<Token>> list();
    [[nodiscard]] base::Status revoke(std::int64_t id);
    /// nullopt: unknown, expired or revoked, without telling which.
    [[nodiscard]] base::Result<std::optional<Token>> verify(const base::Secret& secret);

  private:
    Repository* repository_;
};

struct AuditEntry {
    std::int64_t id = 0;
    base::Timestamp at{};
    std::string actor;   ///< token name, "command line", "schedule"
    std::string action;  ///< "recommendation.dismiss"
    std::string object;  ///< "recommendation 17"
    std::string details_json = "{}";
};

class AuditStore {
  public:
    explicit AuditStore(Repository& repository) : repository_(&repository) {}

    [[nodiscard]] base::Status append(std::string_view actor, std::string_view action, std::string_view object,
                                      std::string_view details_json = "{}");
    /// Newest first.
    [[nodiscard]] base::Result<Page<AuditEntry>> list(std::size_t limit, const std::optional<std::string>& cursor);

  private:
    Repository* repository_;
};

}  // namespace pganalytics::store
