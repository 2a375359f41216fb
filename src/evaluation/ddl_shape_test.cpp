#include "evaluation/ddl_shape.hpp"

#include <gtest/gtest.h>

namespace pganalytics::evaluation {
namespace {

DdlShape only(std::string_view text) {
    const auto shapes = ddl_shapes(text);
    EXPECT_EQ(shapes.size(), 1U) << text;
    return shapes.empty() ? DdlShape{} : shapes.front();
}

TEST(DdlShape, ReadsAnIndexHoweverItIsWritten) {
    const auto plain = only("create index on orders (store, placed)");
    const auto full = only(
        R"(CREATE INDEX CONCURRENTLY IF NOT EXISTS "x_idx" ON public."orders" USING btree ("store" int4_ops, placed DESC NULLS LAST);)");
    for (const auto& shape : {plain, full}) {
        EXPECT_EQ(shape.kind, DdlKind::create_index);
        EXPECT_EQ(shape.table, "orders");
        EXPECT_EQ(shape.method, "btree");
        EXPECT_EQ(shape.keys, (std::vector<std::string>{"store", "placed"}));
        EXPECT_TRUE(shape.included.empty());
        EXPECT_EQ(shape.predicate, "");
    }
}

TEST(DdlShape, ExpressionsPredicatesAndIncludesAreComparable) {
    EXPECT_EQ(only("create index on t (lower(name))").keys,
              only("CREATE INDEX i ON s.t USING btree (LOWER( (name) ))").keys);
    EXPECT_EQ(only("create index on t (a) where b is null").predicate,
              only("CREATE INDEX i ON t (a) WHERE ((t.b IS NULL))").predicate);
    EXPECT_NE(only("create index on t (a) where b is null").predicate,
              only("create index on t (a) where b is not null").predicate);
    EXPECT_EQ(only("create index on t (a) include (b, c)").included, (std::vector<std::string>{"b", "c"}));
    EXPECT_EQ(only("create index on t using gin (a jsonb_path_ops)").method, "gin");
    EXPECT_EQ(only("create index on t using gin (a jsonb_path_ops)").keys, std::vector<std::string>{"a"});
}

TEST(DdlShape, ReadsDropsAndStatistics) {
    EXPECT_EQ(only("DROP INDEX CONCURRENTLY IF EXISTS public.orders_customer").index, "orders_customer");
    EXPECT_EQ(only("drop index orders_customer").kind, DdlKind::drop_index);
    const auto statistics = only("create statistics s (dependencies) on a, b from public.t");
    EXPECT_EQ(statistics.kind, DdlKind::create_statistics);
    EXPECT_EQ(statistics.table, "t");
    EXPECT_EQ(statistics.keys, (std::vector<std::string>{"a", "b"}));
}

TEST(DdlShape, AnythingElseIsOther) {
    EXPECT_EQ(only("select 1").kind, DdlKind::other);
    EXPECT_EQ(only("drop table t").kind, DdlKind::other);
    EXPECT_EQ(only("set work_mem = '8MB'").kind, DdlKind::other);
    EXPECT_TRUE(ddl_shapes("not sql at all").empty());
    EXPECT_TRUE(ddl_shapes("").empty());
    EXPECT_EQ(ddl_shapes("create index on t (a);\ncreate index on u (b);").size(), 2U);
}

}  // namespace
}  // namespace pganalytics::evaluation
