#include "workflow/parameter_values.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pganalytics::workflow {
namespace {

BoundStatement bind(std::string_view text, const char* parameters) {
    return bind_parameters(text, parameter_literals(nlohmann::json::parse(parameters)).value());
}

TEST(ParameterValues, TakeTheirPlaces) {
    const auto bound =
        bind("SELECT * FROM t WHERE a = $1 AND b > $2 AND c -$3 > 0", R"({"1": "x'y", "$2": 4, "3": -5})");
    EXPECT_EQ(bound.text, "SELECT * FROM t WHERE a = 'x''y' AND b > 4 AND c -(-5) > 0");
    EXPECT_EQ(bound.left_open, 0);
    EXPECT_TRUE(bound.unused.empty());
}

TEST(ParameterValues, AreFoundByTheirColumn) {
    const auto bound = bind("SELECT * FROM orders o WHERE o.customer_id = $1 AND o.state = ANY ($2)",
                            R"({"Customer_Id": 7, "state": ["open", null], "colour": "red"})");
    EXPECT_EQ(bound.text, "SELECT * FROM orders o WHERE o.customer_id = 7 AND o.state = ANY (ARRAY['open', NULL])");
    EXPECT_EQ(bound.unused, std::vector<std::string>{"colour"});
}

TEST(ParameterValues, OfAColumnComparedTwiceStayOpen) {
    const auto bound = bind("SELECT * FROM t WHERE at >= $1 AND at < $2", R"({"at": "2026-01-01"})");
    EXPECT_EQ(bound.left_open, 2);
    EXPECT_EQ(bound.unused, std::vector<std::string>{"at"});
}

TEST(ParameterValues, OfANumberWinOverThoseOfAColumn) {
    EXPECT_EQ(bind("SELECT 1 FROM t WHERE a = $1", R"({"a": 1, "1": 2})").text, "SELECT 1 FROM t WHERE a = 2");
}

TEST(ParameterValues, LeaveQuotesAndBrokenTextAlone) {
    EXPECT_EQ(bind("SELECT '$1', $1", R"({"1": true})").text, "SELECT '$1', true");
    const auto broken = bind("SELECT 'open", R"({"1": true})");
    EXPECT_EQ(broken.text, "SELECT 'open");
    EXPECT_EQ(broken.unused.size(), 1U);
}

TEST(ParameterValues, RefuseWhatIsNoValue) {
    EXPECT_FALSE(parameter_literals(nlohmann::json::parse(R"({"1": {"a": 1}})")));
    EXPECT_FALSE(parameter_literals(nlohmann::json::parse(R"({"1": [[1]]})")));
    EXPECT_FALSE(parameter_literals(nlohmann::json::parse("[1]")));
}

}  // namespace
}  // namespace pganalytics::workflow
