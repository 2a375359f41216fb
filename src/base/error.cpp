#include "base/error.hpp"

#include "base/check.hpp"
#include "base/text.hpp"

namespace pganalytics::base {

namespace {

constexpr std::array mappings{
    ErrorMapping{ErrorCode::fix_input, "fix_input", 1, 400, "Bad request"},
    ErrorMapping{ErrorCode::usage, "usage", 2, 400, "Bad request"},
    ErrorMapping{ErrorCode::not_found, "not_found", 1, 404, "Not found"},
    ErrorMapping{ErrorCode::conflict, "conflict", 1, 409, "Conflict"},
    ErrorMapping{ErrorCode::unprocessable, "unprocessable", 1, 422, "Unprocessable"},
    ErrorMapping{ErrorCode::too_large, "too_large", 1, 413, "Too large"},
    ErrorMapping{ErrorCode::not_authenticated, "not_authenticated", 4, 401, "Not authenticated"},
    ErrorMapping{ErrorCode::not_allowed, "not_allowed", 4, 403, "Not allowed"},
    ErrorMapping{ErrorCode::connect_failed, "connect_failed", 3, 503, "Database unreachable"},
    ErrorMapping{ErrorCode::retry_later, "retry_later", 1, 503, "Dependency unavailable"},
    ErrorMapping{ErrorCode::grant_access, "grant_access", 4, 422, "Privilege missing on the target"},
    ErrorMapping{ErrorCode::install_extension, "install_extension", 4, 422, "Extension missing on the target"},
    ErrorMapping{ErrorCode::unsupported, "unsupported", 1, 422, "Unsupported"},
    ErrorMapping{ErrorCode::internal, "internal", 1, 500, "Internal error"},
};

}  // namespace

const ErrorMapping& mapping_of(ErrorCode code) {
    for (const auto& mapping : mappings) {
        if (mapping.code == code) return mapping;
    }
    fail_invariant("an error code has no row in the mapping table");
}

std::string Error::to_string() const {
    return hint.empty() ? with_full_stop(message) : with_full_stop(message) + ' ' + hint;
}

}  // namespace pganalytics::base
