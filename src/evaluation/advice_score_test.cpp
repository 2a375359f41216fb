#include "evaluation/advice_score.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "simulation/shop.hpp"

namespace pganalytics::evaluation {
namespace {

using simulation::Fault;
using simulation::ShopTruth;
using testing::HasSubstr;

class AdviceScoreTest : public ::testing::Test {
  protected:
    AdviceScoreTest() : truth_(simulation::shop_truth(0, 1).value()) {}

    [[nodiscard]] std::vector<base::QueryHash> hashes_of(const std::string& statement) const {
        for (const auto& known : truth_.statements) {
            if (known.name == statement) return known.query_hashes;
        }
        ADD_FAILURE() << "no statement " << statement;
        return {};
    }
    [[nodiscard]] ScoredAdvice index(const std::string& ddl, const std::string& statement) const {
        return {"", "missing_index_detected", ddl, hashes_of(statement)};
    }
    [[nodiscard]] Outcome outcome_of(const ScoredAdvice& advice) const {
        const auto score = score_advice(truth_, {advice});
        EXPECT_EQ(score.advice.size(), 1U);
        return score.advice.front().outcome;
    }

    ShopTruth truth_;
};

TEST_F(AdviceScoreTest, NothingAdvisedIsEverythingMissed) {
    const auto score = score_advice(truth_, {});
    EXPECT_EQ(score.planted, static_cast<int>(truth_.faults.size()));
    EXPECT_EQ(score.missed, score.planted);
    EXPECT_EQ(score.found, 0);
    EXPECT_EQ(score.invented, 0);
    EXPECT_EQ(score.recall(), 0);
    EXPECT_EQ(score.precision(), 1);
    EXPECT_GE(score.healthy_statements, 12);
}

TEST_F(AdviceScoreTest, EveryRemedyFindsItsFault) {
    std::vector<ScoredAdvice> all;
    for (const auto& fault : truth_.faults) {
        const auto& remedy = fault.remedies.front();
        all.push_back(
            {fault.id, remedy.rules.empty() ? "any" : remedy.rules.front(), remedy.statement, fault.query_hashes});
    }
    const auto score = score_advice(truth_, all);
    EXPECT_EQ(score.found, score.planted) << score.to_table();
    EXPECT_EQ(score.invented, 0) << score.to_table();
    EXPECT_EQ(score.recall(), 1);
    EXPECT_EQ(score.precision(), 1);
}

TEST_F(AdviceScoreTest, FormDoesNotMatterShapeDoes) {
    EXPECT_EQ(outcome_of(index("CREATE INDEX CONCURRENTLY i ON public.orders USING btree (store_id, placed_at DESC)",
                               "latest_orders_of_store")),
              Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on orders (store_id, placed_at, total)", "latest_orders_of_store")),
              Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on orders (store_id)", "latest_orders_of_store")), Outcome::invented);
    EXPECT_EQ(outcome_of(index("create index on orders (placed_at, store_id)", "latest_orders_of_store")),
              Outcome::invented);
    EXPECT_EQ(outcome_of(index("create index on customers (store_id, placed_at)", "latest_orders_of_store")),
              Outcome::invented);
    EXPECT_EQ(outcome_of(index("create index on shipments (depot, carrier)", "parcels_in_depot")), Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on orders (placed_at)", "waiting_orders")), Outcome::invented);
    EXPECT_EQ(outcome_of(index("create index on orders (placed_at) where (shipped_at IS NULL)", "waiting_orders")),
              Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on order_lines (product_id, quantity)", "sold_pieces")), Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on order_lines (product_id) include (quantity)", "sold_pieces")),
              Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on order_lines (product_id)", "sold_pieces")), Outcome::invented);
    EXPECT_EQ(
        outcome_of(index("create index on products using gin (attributes jsonb_path_ops)", "products_by_attributes")),
        Outcome::found);
    EXPECT_EQ(outcome_of(index("create index on products (attributes)", "products_by_attributes")), Outcome::invented);
}

TEST_F(AdviceScoreTest, AnEstablishedAlternativeIsHelpfulButTheFaultStaysMissed) {
    const auto advice = index("create index on orders (placed_at, store_id)", "latest_orders_of_store");
    truth_.alternatives.push_back(
        {hashes_of("latest_orders_of_store").front(), "orders", {"placed_at", "store_id"}, 1000, 300});
    const auto score = score_advice(truth_, {advice});
    EXPECT_EQ(score.advice.front().outcome, Outcome::helpful);
    EXPECT_EQ(score.helpful, 1);
    EXPECT_EQ(score.invented, 0);
    EXPECT_EQ(score.found, 0);
    // What helps a healthy statement on paper does not excuse advice for it.
    truth_.alternatives.front().query_hash = hashes_of("product_card").front();
    EXPECT_EQ(outcome_of(index("create index on orders (placed_at, store_id)", "product_card")), Outcome::invented);
}

TEST_F(AdviceScoreTest, AdviceForHealthyStatementsIsInvented) {
    const auto score = score_advice(
        truth_, {index("create index on products (id, name)", "product_card"),
                 {"", "in_vs_any_optimization", "select 1", hashes_of("compare_three")},
                 {"", "work_mem", "set work_mem = '64MB'", hashes_of("turnover_check")},
                 {"", "missing_index_detected", "create index on elsewhere (x)", {base::QueryHash{12345}}}});
    EXPECT_EQ(score.invented, 4);
    EXPECT_EQ(score.invented_on_healthy, 3);
    EXPECT_EQ(score.precision(), 0);
    EXPECT_THAT(score.advice[0].reason, HasSubstr("healthy statement product_card"));
    EXPECT_THAT(score.advice[3].reason, HasSubstr("not the shop's"));
}

TEST_F(AdviceScoreTest, OneFaultIsFoundOnce) {
    const auto lists = hashes_of("basket_products");
    ASSERT_GE(lists.size(), 3U);
    const auto score = score_advice(truth_, {{"", "in_vs_any_optimization", "select 1 where a = any($1)", {lists[0]}},
                                             {"", "in_vs_any_optimization", "select 1 where a = any($1)", {lists[1]}}});
    EXPECT_EQ(score.found, 1);
    EXPECT_EQ(score.duplicates, 1);
    EXPECT_EQ(score.invented, 0);
}

TEST_F(AdviceScoreTest, RightRuleForTheWrongStatementIsInvented) {
    EXPECT_EQ(outcome_of({"", "subquery_optimization", "select 1", hashes_of("login_by_email")}), Outcome::invented);
    EXPECT_EQ(outcome_of({"", "in_vs_any_optimization", "select 1", hashes_of("never_sold")}), Outcome::invented);
    EXPECT_EQ(outcome_of({"", "redundant_index", "drop index orders_customer_time", {}}), Outcome::invented);
    EXPECT_EQ(outcome_of({"", "redundant_index", "DROP INDEX CONCURRENTLY public.orders_customer", {}}),
              Outcome::found);
}

TEST_F(AdviceScoreTest, SeveralIndexesAreSeveralClaims) {
    const auto score = score_advice(
        truth_, {index("create index on customers (email);\ncreate index on customers (points)", "login_by_email")});
    EXPECT_EQ(score.found, 1);
    EXPECT_EQ(score.invented, 1);
}

TEST_F(AdviceScoreTest, TheReportNamesWhatWasMissed) {
    const auto score = score_advice(truth_, {index("create index on customers (email)", "login_by_email")});
    const auto table = score.to_table();
    EXPECT_THAT(table, HasSubstr("payment_by_reference"));
    EXPECT_THAT(table, HasSubstr("missing_gin_index"));
    const auto json = score.to_json();
    EXPECT_EQ(json.at("found"), 1);
    EXPECT_EQ(json.at("advice").size(), 1U);
    EXPECT_EQ(json.at("advice")[0].at("outcome"), "found");
    int planted = 0;
    for (const auto& kind : json.at("kinds")) planted += kind.at("planted").get<int>();
    EXPECT_EQ(planted, score.planted);
}

}  // namespace
}  // namespace pganalytics::evaluation
