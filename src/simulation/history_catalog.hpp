#pragma once
// The catalog of a simulated database: the shop's tables, and the server's counters of the rows that its statements
// changed so far. Column types, sizes and indexes are not simulated. Internal to `simulation`. One thread at a time.

#include <optional>
#include <vector>

#include "catalog/catalog.hpp"
#include "simulation/history.hpp"
#include "simulation/shop_names.hpp"

namespace pganalytics::simulation {

class HistoryCatalog {
  public:
    HistoryCatalog(const ShopNames& names, const std::vector<SimulatedStatement>& statements,
                   std::string database_name);

    /// Statement `index` changed so many rows, if it is one that changes any.
    void count(std::size_t index, std::int64_t rows);
    [[nodiscard]] const catalog::Database& now() const { return database_; }

  private:
    struct Change {
        std::size_t relation = 0;
        std::int64_t catalog::RelationActivity::*counter = nullptr;
    };
    catalog::Database database_;
    std::vector<std::optional<Change>> changes_;  ///< by statement
};

}  // namespace pganalytics::simulation
