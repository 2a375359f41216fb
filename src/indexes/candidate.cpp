#include "indexes/candidate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <tuple>

#include "base/hash.hpp"

namespace pganalytics::indexes {
namespace {

constexpr std::size_t max_name_bytes = 63;  // NAMEDATALEN - 1

bool is_usable_btree(const catalog::Index& index) {
    return index.method == "btree" && index.predicate.empty() && !index.exclusion;
}

bool same_key(const catalog::IndexKey& existing, const Key& wanted, bool reversed) {
    if (existing.column != wanted.column || existing.column_number == 0) return false;
    const bool same_class = wanted.operator_class.empty() ? existing.default_operator_class
                                                          : existing.operator_class == wanted.operator_class;
    return same_class && existing.descending == (wanted.descending != reversed) &&
           existing.nulls_first == (wanted.nulls_first != reversed);
}

bool starts_with_keys(const catalog::Index& index, const Candidate& candidate) {
    if (!is_usable_btree(index) || index.keys.size() < candidate.keys.size()) return false;
    for (const bool reversed : {false, true}) {
        const bool equal = std::ranges::equal(
            candidate.keys, std::span(index.keys).first(candidate.keys.size()),
            [&](const Key& wanted, const catalog::IndexKey& existing) { return same_key(existing, wanted, reversed); });
        if (equal) return true;
    }
    return false;
}

const catalog::Index* find_index(const Candidate& candidate, bool valid) {
    for (const catalog::Index& index : candidate.relation->indexes) {
        if (index.valid == valid && starts_with_keys(index, candidate)) return &index;
    }
    return nullptr;
}

/// Cut to `bytes`, never inside a UTF-8 character.
std::string_view cut(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
    return text.substr(0, bytes);
}

}  // namespace

bool comes_before(const Candidate& a, const Candidate& b) {
    return std::tie(a.relation->schema, a.relation->name, a.keys) <
           std::tie(b.relation->schema, b.relation->name, b.keys);
}

std::string key_list(const Candidate& candidate) {
    std::string text;
    for (const Key& key : candidate.keys) {
        text += text.empty() ? "(" : ", ";
        text += catalog::quote_identifier(key.column);
        if (!key.operator_class.empty()) text += ' ' + key.operator_class;
        if (key.descending) text += " DESC";
        if (key.nulls_first != key.descending) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
    }
    return text + ')';
}

std::string describe(const Candidate& candidate) {
    return candidate.relation->qualified_name() + ' ' + key_list(candidate);
}

std::string hypothetical_statement(const Candidate& candidate) {
    return fmt::format("CREATE INDEX ON {} {}", candidate.relation->qualified_name(), key_list(candidate));
}

bool is_prefix(const Candidate& narrow, const Candidate& wide) {
    return narrow.relation == wide.relation && narrow.keys.size() < wide.keys.size() &&
           std::ranges::equal(narrow.keys, std::span(wide.keys).first(narrow.keys.size()));
}

const catalog::Index* existing_index_for(const Candidate& candidate) {
    return find_index(candidate, true);
}
const catalog::Index* invalid_index_for(const Candidate& candidate) {
    return find_index(candidate, false);
}

std::vector<const catalog::Index*> superseded_by(const Candidate& candidate) {
    std::vector<const catalog::Index*> result;
    for (const catalog::Index& index : candidate.relation->indexes) {
        if (!is_usable_btree(index) || !index.valid || index.unique || !index.included.empty()) continue;
        if (index.keys.size() >= candidate.keys.size()) continue;
        const bool prefix = std::ranges::equal(
            index.keys, std::span(candidate.keys).first(index.keys.size()),
            [](const catalog::IndexKey& existing, const Key& wanted) { return same_key(existing, wanted, false); });
        if (prefix) result.push_back(&index);
    }
    return result;
}

bool is_unique_column(const catalog::Relation& relation, std::string_view column) {
    return std::ranges::any_of(relation.unique_keys,
                               [&](const auto& key) { return key.size() == 1 && key.front() == column; });
}

std::string choose_name(const Candidate& candidate, std::set<std::string, std::less<>>& taken) {
    std::string whole = candidate.relation->name;
    for (const Key& key : candidate.keys) whole += '_' + key.column;
    constexpr std::string_view ending = "_idx";
    std::string stem = whole;
    if (stem.size() + ending.size() > max_name_bytes) {
        // Two long names that differ only at their end must stay different.
        base::StableHash hash;
        hash.add(whole);
        const std::string tail = fmt::format("_{:08x}", static_cast<std::uint32_t>(hash.digest()));
        stem = std::string(cut(whole, max_name_bytes - ending.size() - tail.size())) + tail;
    }
    std::string name = stem + std::string(ending);
    for (int number = 1; taken.contains(name); ++number) {
        const std::string suffix = fmt::format("{}{}", ending, number);
        name = std::string(cut(stem, max_name_bytes - suffix.size())) + suffix;
    }
    taken.insert(name);
    return name;
}

}  // namespace pganalytics::indexes
