#pragma once
// What a seed decides: the names of tables and columns, how many rows each table gets, the vocabulary of its texts and
// the dials of its skew. Read from samples/shop/model.txt. Seed 0 takes the plain names and the middle of every range.
// Each choice depends on the seed and the key alone, so a new line in the model moves no other choice.
// Immutable after `make`; thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::simulation {

struct ShopTable {
    std::string key;
    std::string name;
    std::int64_t rows = 0;
    std::map<std::string, std::string, std::less<>> columns;  ///< key → name
};

class ShopNames {
  public:
    /// fix_input for a scale outside 0.01 … 100; internal where the embedded model is not well-formed.
    [[nodiscard]] static base::Result<ShopNames> make(std::uint64_t seed, double scale);
    [[nodiscard]] static base::Result<ShopNames> from_model(std::string_view model, std::uint64_t seed, double scale);

    /// A template with its places filled:
    ///   {table} {table.column}            names
    ///   {rows:table} {next:table}         its rows, and one more
    ///   {texts:key} {count:key} {word:key}  the vocabulary as an SQL array, its size, its first word
    ///   {dial:key} {seed} {now}
    /// Braces around anything else stay. internal for a name that the model lacks.
    [[nodiscard]] base::Result<std::string> render(std::string_view text) const;

    [[nodiscard]] const std::vector<ShopTable>& tables() const { return tables_; }
    /// nullptr where there is none.
    [[nodiscard]] const ShopTable* find_table(std::string_view key) const;
    [[nodiscard]] const std::vector<std::string>* find_texts(std::string_view key) const;
    [[nodiscard]] std::uint64_t seed() const { return seed_; }
    [[nodiscard]] double scale() const { return scale_; }

  private:
    ShopNames() = default;
    [[nodiscard]] std::uint64_t choose(std::string_view key) const;
    [[nodiscard]] double choose_between(std::string_view key, double low, double high) const;
    [[nodiscard]] base::Status read_line(std::string_view line);
    [[nodiscard]] base::Result<std::string> resolve(std::string_view place) const;

    std::uint64_t seed_ = 0;
    double scale_ = 1;
    std::string prefix_;
    std::vector<ShopTable> tables_;
    std::map<std::string, std::vector<std::string>, std::less<>> texts_;
    std::map<std::string, double, std::less<>> dials_;
};

/// The shop's "now": all its dates lie before it, whenever it is made.
inline constexpr std::string_view shop_now = "2026-06-30T00:00:00Z";

}  // namespace pganalytics::simulation
