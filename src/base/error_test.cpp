#include "base/error.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/result.hpp"

namespace pganalytics::base {
namespace {

TEST(ErrorMapping, EveryCodeHasItsOwnRow) {
    std::set<std::string_view> names;
    for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
        const auto& mapping = mapping_of(static_cast<ErrorCode>(code));
        EXPECT_TRUE(names.insert(mapping.name).second) << mapping.name;
        EXPECT_GE(mapping.http_status, 400);
        EXPECT_GT(mapping.exit_code, 0);
    }
}

TEST(ErrorMapping, ExitCodesAreTheDocumentedOnes) {
    EXPECT_EQ(mapping_of(ErrorCode::usage).exit_code, 2);
    EXPECT_EQ(mapping_of(ErrorCode::connect_failed).exit_code, 3);
    EXPECT_EQ(mapping_of(ErrorCode::grant_access).exit_code, 4);
    EXPECT_EQ(mapping_of(ErrorCode::install_extension).exit_code, 4);
}

TEST(Error, ReadsAsOneLine) {
    EXPECT_EQ((Error{ErrorCode::fix_input, "it broke", "Mend it.", {}}).to_string(), "it broke. Mend it.");
    EXPECT_EQ((Error{ErrorCode::fix_input, "it broke.", "Mend it.", {}}).to_string(), "it broke. Mend it.");
    EXPECT_EQ((Error{ErrorCode::fix_input, "it broke", {}, {}}).to_string(), "it broke.");
}

Result<int> half(int number) {
    if (number % 2 != 0) return Error{ErrorCode::fix_input, "odd", {}, {}};
    return number / 2;
}

Result<int> quarter(int number) {
    PGANALYTICS_ASSIGN(const int once, half(number));
    return half(once);
}

TEST(Result, PassesErrorsOn) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(6).error().message, "odd");
    EXPECT_EQ(quarter(5).value_or(-1), -1);
}

TEST(ResultDeathTest, ReadingAFailedResultAborts) {
    EXPECT_DEATH(static_cast<void>(half(1).value()), "broken invariant.*odd");
}

}  // namespace
}  // namespace pganalytics::base
