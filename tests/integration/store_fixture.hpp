#pragma once
// A repository for a test: one private cluster for the executable, a fresh database for each test.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/result.hpp"
#include "postgres/private_cluster.hpp"
#include "store/ingest.hpp"
#include "store/repository.hpp"
#include "store/sealing.hpp"
#include "store/targets.hpp"

namespace pganalytics::store {

/// The value, or a test failure with the error's words.
template <typename T>
T expect_value(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(result).value();
}
inline void expect_done(const base::Status& status) {
    if (!status) throw std::runtime_error(status.error().to_string());
}

class StoreTest : public testing::Test {
  public:
    static void SetUpTestSuite();

  protected:
    void SetUp() override;

    [[nodiscard]] static postgres::PrivateCluster& cluster() { return *cluster_; }
    /// A database of its own, not migrated.
    [[nodiscard]] base::Secret new_database();
    [[nodiscard]] static postgres::Connection connect(const base::Secret& conninfo);
    [[nodiscard]] Repository& repository() { return *repository_; }
    [[nodiscard]] const base::Secret& conninfo() const { return conninfo_; }
    /// The first cell of the first row.
    [[nodiscard]] std::string value(std::string_view statement);
    [[nodiscard]] TargetStore targets();
    base::TargetId add_target(const std::string& name = "shop");
    /// Announces a statement of database `shop` by its queryid; its hash is 1000 + queryid.
    workload::StatementKey announce(base::TargetId target, std::int64_t queryid, const std::string& text,
                                    const std::string& database = "shop");

  private:
    static std::unique_ptr<postgres::PrivateCluster> cluster_;
    base::Secret conninfo_;
    std::unique_ptr<Repository> repository_;
};

}  // namespace pganalytics::store
