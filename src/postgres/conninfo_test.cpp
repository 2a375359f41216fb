#include "postgres/conninfo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/connection.hpp"

namespace pganalytics::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string endpoint(const std::string& conninfo) {
    const auto found = endpoint_of(base::Secret(conninfo));
    return found ? found->to_string() : "error: " + found.error().message;
}

TEST(Conninfo, EndpointOfEveryForm) {
    EXPECT_EQ(endpoint("postgresql://anna:pw@db.example:5433/shop?sslmode=require"), "anna@db.example:5433/shop");
    EXPECT_EQ(endpoint("host=/run/pg port=5432 user=anna dbname=shop password='a b'"), "anna@/run/pg:5432/shop");
    EXPECT_EQ(endpoint("host=a,b port=1,2 user=anna dbname=shop"), "anna@a,b:1,2/shop");
    EXPECT_EQ(endpoint("postgresql://anna@[::1]:5432/shop"), "anna@::1:5432/shop");
    EXPECT_EQ(endpoint("hostaddr=10.0.0.1 port=5432 user=anna"), "anna@10.0.0.1:5432/anna");
}

TEST(Conninfo, WhatIsMalformedIsNotQuoted) {
    for (const std::string conninfo :
         {"postgresql://u:p@secretword@h/db", "host=h password=a secretword", "host=h secretword=1",
          "postgresql://u:p/secretword@h/db", "postgresql://u:%zzsecretword@h/db"}) {
        const auto found = endpoint_of(base::Secret(conninfo));
        ASSERT_FALSE(found) << conninfo;
        EXPECT_EQ(found.error().code, base::ErrorCode::fix_input);
        EXPECT_THAT(found.error().to_string(), Not(HasSubstr("secretword")));
    }
}

TEST(Conninfo, AnotherDatabaseKeepsTheRest) {
    const auto other =
        with_database(base::Secret("postgresql://anna:p%40w@h:5433/shop?sslmode=require"), "it's \\ other");
    ASSERT_TRUE(other);
    const auto parsed = effective_options(*other);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->at("dbname"), "it's \\ other");
    EXPECT_EQ(parsed->at("host"), "h");
    EXPECT_EQ(parsed->at("sslmode"), "require");
    EXPECT_THAT(other->reveal(), HasSubstr("password='p@w'"));
    EXPECT_EQ(with_database(base::Secret("shop"), "other")->reveal(), "dbname='other'");
}

TEST(Conninfo, AddressesAndSocketsNeedNoLookUp) {
    const auto none = resolve_hosts({{"host", "10.0.0.1,/run/pg,::1"}, {"port", "5432"}},
                                    base::Deadline::after(std::chrono::milliseconds(0)));
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
}

TEST(Conninfo, SecretsAreNotAmongTheOptions) {
    const auto options = effective_options(base::Secret("host=h password=hidden sslpassword=hidden"));
    ASSERT_TRUE(options);
    for (const auto& [name, value] : *options) EXPECT_NE(value, "hidden") << name;
}

}  // namespace
}  // namespace pganalytics::postgres
