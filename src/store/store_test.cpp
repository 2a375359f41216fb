// What needs no server: sealing, cursors, COPY's binary format, the list of stored counters, catalogs as JSON.

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "store/binary_copy.hpp"
#include "store/catalog_json.hpp"
#include "store/history.hpp"
#include "store/migrations.hpp"
#include "store/sealing.hpp"
#include "store/stored_counters.hpp"
#include "store/tokens.hpp"
#include "store/values.hpp"

namespace pganalytics::store {
namespace {

using testing::HasSubstr;

SealingKey key_of(char fill) {
    return SealingKey::from_bytes(base::Secret(std::string(32, fill))).value();
}

RC_GTEST_PROP(Sealing, OpensWhatItSealed, (const std::string& text, const std::string& context)) {
    const auto sealed = key_of('k').seal(base::Secret(text), context);
    RC_ASSERT(sealed.has_value());
    RC_ASSERT(key_of('k').open(*sealed, context).value().reveal() == text);
}

TEST(Sealing, RefusesOtherKeysContextsAndAlteredText) {
    const auto key = key_of('k');
    auto sealed = key.seal(base::Secret("password=canary"), "target 1").value();
    EXPECT_THAT(sealed, testing::Not(HasSubstr("canary")));
    EXPECT_NE(sealed, key.seal(base::Secret("password=canary"), "target 1").value()) << "a nonce was used twice";
    EXPECT_EQ(key_of('x').open(sealed, "target 1").error().code, base::ErrorCode::not_allowed);
    EXPECT_EQ(key.open(sealed, "target 2").error().code, base::ErrorCode::not_allowed);
    sealed[10] = sealed[10] == 'A' ? 'B' : 'A';
    EXPECT_EQ(key.open(sealed, "target 1").error().code, base::ErrorCode::not_allowed);
    for (const char* nonsense : {"", "v1:", "v1:AAAA", "v2:AAAA", "v1:not base64!"}) {
        EXPECT_EQ(key.open(nonsense, "target 1").error().code, base::ErrorCode::not_allowed) << nonsense;
    }
    EXPECT_FALSE(SealingKey::from_bytes(base::Secret("short")));
}

TEST(Sealing, KeepsItsKeyInAPrivateFile) {
    std::string folder = "/tmp/pga-key-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    const std::string file = folder + "/key";
    const auto sealed = SealingKey::load_or_create(file).value().seal(base::Secret("x"), "c").value();
    EXPECT_EQ(SealingKey::load_or_create(file).value().open(sealed, "c").value().reveal(), "x");
    struct stat status {};
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    chmod(file.c_str(), 0644);
    const auto open_to_all = SealingKey::load_or_create(file);
    ASSERT_FALSE(open_to_all);
    EXPECT_THAT(open_to_all.error().message, HasSubstr("read by others"));
    chmod(file.c_str(), 0600);
    std::ofstream(file) << "short";
    EXPECT_THAT(SealingKey::load_or_create(file).error().message, HasSubstr("does not hold a key"));
    unlink(file.c_str());
    rmdir(folder.c_str());
}

RC_GTEST_PROP(Cursors, ComeBackAsTheyWere, (const std::int64_t number, const double value)) {
    const auto text = make_cursor("list", {number, value});
    RC_ASSERT(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
              std::string::npos);
    const auto values = read_cursor("list", text, 2);
    RC_ASSERT(values.has_value());
    RC_ASSERT((*values)[0].get<std::int64_t>() == number);
    RC_ASSERT((*values)[1].get<double>() == value);
    RC_ASSERT(!read_cursor("other", text, 2).has_value());
    RC_ASSERT(!read_cursor("list", text, 1).has_value());
}

RC_GTEST_PROP(Cursors, NeverFailOnNonsense, (const std::string& text)) {
    const auto values = read_cursor("list", text, 1);
    RC_ASSERT(!values.has_value());
    RC_ASSERT(values.error().field == "cursor");
}

TEST(Cursors, RefuseWhatIsNoNumber) {
    EXPECT_TRUE(read_rank_cursor("list", make_cursor("list", {1.5, 7})));
    EXPECT_EQ(read_rank_cursor("list", make_cursor("list", {"1.5", 7})).error().field, "cursor");
    EXPECT_EQ(read_rank_cursor("list", make_cursor("list", {1.5, 7.5})).error().field, "cursor");
    EXPECT_TRUE(read_id_cursor("list", make_cursor("list", {7})));
    EXPECT_EQ(read_id_cursor("list", make_cursor("list", {"seven"})).error().field, "cursor");
    EXPECT_TRUE(read_time_cursor("list", make_cursor("list", {1, 7})));
    EXPECT_EQ(read_time_cursor("list", make_cursor("list", {1.5, 7})).error().field, "cursor");
}

TEST(BinaryCopy, IsWhatTheManualSays) {
    int rows = 0;
    BinaryCopy copy([&](BinaryCopy& out) {
        out.begin_row(2);
        out.add(std::int32_t{258});
        out.add_null();
        return ++rows < 2;
    });
    const std::string row =
        std::string("\0\2", 2) + std::string("\0\0\0\4", 4) + std::string("\0\0\1\2", 4) + "\377\377\377\377";
    EXPECT_EQ(std::string(copy.next_chunk()),
              std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19) + row + row + "\377\377");
    EXPECT_EQ(copy.next_chunk(), "");
}

TEST(StoredCounters, AreTheCountersThereAre) {
    std::set<std::string_view> names;
    std::set<int> bits;
    for (const auto& counter : stored_counters) {
        names.insert(counter.name);
        EXPECT_EQ(counter.absent_bit < 0, field_of(counter).is_required()) << counter.name;
        if (counter.absent_bit < 0) continue;
        EXPECT_TRUE(bits.insert(counter.absent_bit).second) << counter.name << " shares its bit";
    }
    for (const auto& field : workload::counter_fields)
        EXPECT_TRUE(names.contains(field.name)) << field.name << " has no column";
    EXPECT_FALSE(bits.contains(squares_bit));
    EXPECT_EQ(absent_bits({}) >> squares_bit, 1);
}

TEST(Migrations, AreNumberedWithoutGaps) {
    int expected = 1;
    for (const auto& migration : program_migrations()) {
        EXPECT_EQ(migration.version, expected++);
        EXPECT_EQ(migration.checksum().size(), 64U);
        EXPECT_TRUE(migration.name.ends_with(".sql"));
    }
    EXPECT_GT(expected, 1);
}

TEST(CatalogJson, RefusesWhatIsNoSnapshotAndPassesOverWhatItDoesNotKnow) {
    EXPECT_FALSE(catalog_from_json(nlohmann::json::parse(R"({"relations": [{"name": 5}]})")));
    const auto newer = catalog_from_json(nlohmann::json::parse(R"({"name": "shop", "something_new": [1]})"));
    ASSERT_TRUE(newer);
    EXPECT_EQ(newer->name, "shop");
}

TEST(Roles, AreOrdered) {
    EXPECT_LT(Role::viewer, Role::operator_);
    EXPECT_LT(Role::operator_, Role::admin);
    for (const auto role : {Role::viewer, Role::operator_, Role::admin})
        EXPECT_EQ(parse_role(to_string(role)).value(), role);
    EXPECT_EQ(parse_role("root").error().field, "role");
}

TEST(StatementOrders, NameTheirAlternatives) {
    EXPECT_EQ(parse_statement_order("calls").value(), StatementOrder::calls);
    EXPECT_THAT(parse_statement_order("height").error().hint, HasSubstr("mean_time"));
}

TEST(Values, AreMadeStorable) {
    EXPECT_EQ(storable(std::string_view("a\0b\xff", 4)), "ab\xEF\xBF\xBD");
    EXPECT_EQ(sql_array({"a\"b", "c\\d", "e,f"}), R"({"a\"b","c\\d","e,f"})");
}

}  // namespace
}  // namespace pganalytics::store
