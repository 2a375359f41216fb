#pragma once
// Identities as types: none converts into another, nor into a bare integer, by accident.
// Use `to_integer` at the borders (SQL parameters, JSON).

#include <cstdint>
#include <functional>
#include <type_traits>

namespace pganalytics::base {

enum class TargetId : std::int64_t {};         ///< one PostgreSQL server reached with one role (repository key)
enum class QueryHash : std::int64_t {};        ///< a statement's text: positive, 63 bits (sql/identity.hpp)
enum class FingerprintHash : std::int64_t {};  ///< a statement's family: PostgreSQL's parser fingerprint, 63 bits
enum class QueryId : std::int64_t {};          ///< pg_stat_statements.queryid: any sign, differs between servers
enum class Oid : std::uint32_t {};             ///< PostgreSQL object identifier
enum class RecommendationId : std::int64_t {};
enum class ImplementationId : std::int64_t {};
enum class SuggestionId : std::int64_t {};
enum class PatternId : std::int64_t {};
enum class ModelId : std::int64_t {};
enum class JobId : std::int64_t {};

template <typename Id>
requires std::is_enum_v<Id>
[[nodiscard]] constexpr std::underlying_type_t<Id> to_integer(Id id) {
    return static_cast<std::underlying_type_t<Id>>(id);
}

}  // namespace pganalytics::base
