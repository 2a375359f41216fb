#pragma once
// A B-tree index that could be made: on one relation, with keys in order. Value type; the relation outlives it.
// Further kinds (partial, expression, covering, other methods) extend `Candidate` and `definition`.
// Thread-safe (pure functions).

#include <compare>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.hpp"

namespace pganalytics::indexes {

struct Key {
    std::string column;
    bool descending = false;
    bool nulls_first = false;    ///< effective: PostgreSQL's default is true for descending keys
    std::string operator_class;  ///< "" for the type's default
    friend auto operator<=>(const Key&, const Key&) = default;
};

struct Candidate {
    const catalog::Relation* relation = nullptr;
    std::vector<Key> keys;
    friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// A fixed order, so that results do not depend on addresses: by relation name, then keys.
[[nodiscard]] bool comes_before(const Candidate& a, const Candidate& b);

/// "(customer_id, placed_at DESC NULLS LAST)", quoted where needed; defaults are not written.
[[nodiscard]] std::string key_list(const Candidate& candidate);
/// "public.orders (customer_id, placed_at)": names the candidate from run to run.
[[nodiscard]] std::string describe(const Candidate& candidate);
/// CREATE INDEX as the Planner port wants it: nameless, not concurrent.
[[nodiscard]] std::string hypothetical_statement(const Candidate& candidate);

/// Whether `narrow` is a strict prefix of `wide`, so that `wide` can do all it does.
[[nodiscard]] bool is_prefix(const Candidate& narrow, const Candidate& wide);

/// A valid, total B-tree index that has the candidate's keys as its first ones, in this or wholly reversed order.
[[nodiscard]] const catalog::Index* existing_index_for(const Candidate& candidate);
/// An index that would do the same if it were valid (a CREATE INDEX CONCURRENTLY that failed).
[[nodiscard]] const catalog::Index* invalid_index_for(const Candidate& candidate);
/// Valid, total, non-unique B-tree indexes that the candidate makes redundant: their keys are a prefix of its keys.
[[nodiscard]] std::vector<const catalog::Index*> superseded_by(const Candidate& candidate);

/// Whether one row at most can match an equality on the column.
[[nodiscard]] bool is_unique_column(const catalog::Relation& relation, std::string_view column);

/// `table_column_column_idx` as PostgreSQL would name it: at most 63 bytes, cut between characters, not in `taken`
/// (names used in the relation's schema), the same from run to run. The name is added to `taken`.
[[nodiscard]] std::string choose_name(const Candidate& candidate, std::set<std::string, std::less<>>& taken);

}  // namespace pganalytics::indexes
