// A user's text must never reach the simple protocol, and no round trip may block without a deadline: the functions of
// libpq that do either are not called anywhere, and libpq is included in this module only.

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace pganalytics::postgres {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sources() {
    std::vector<fs::path> found;
    for (const auto* folder : {"src", "apps", "tests"}) {
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(PGANALYTICS_SOURCE_DIR) / folder)) {
            const auto extension = entry.path().extension();
            if (extension == ".cpp" || extension == ".hpp") found.push_back(entry.path());
        }
    }
    return found;
}

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST(LibpqUse, BlockingAndSimpleProtocolCallsAreAbsent) {
    const std::regex forbidden(
        R"(\bPQ(exec(Params|Prepared)?|prepare|connectdb\w*|setdb\w*|setClientEncoding|fn|ping\w*)\s*\()");
    const auto files = sources();
    ASSERT_GT(files.size(), 50U);
    for (const auto& file : files) {
        std::smatch match;
        const auto text = read_file(file);
        EXPECT_FALSE(std::regex_search(text, match, forbidden)) << file << " calls " << match.str();
    }
}

TEST(LibpqUse, OneCallSendsTheSimpleProtocolAndTakesOurSqlOnly) {
    int calls = 0;
    for (const auto& file : sources()) {
        const auto text = read_file(file);
        const std::string call = std::string("PQsend") + "Query(";
        for (auto at = text.find(call); at != std::string::npos; at = text.find(call, at + 1)) ++calls;
    }
    EXPECT_EQ(calls, 1) << "Connection::execute_script is the only place for it";
}

TEST(LibpqUse, OnlyThisModuleIncludesLibpq) {
    for (const auto& file : sources()) {
        if (file.parent_path().filename() == "postgres") continue;
        EXPECT_EQ(read_file(file).find(std::string("#include <libpq") + "-fe.h>"), std::string::npos) << file;
    }
}

}  // namespace
}  // namespace pganalytics::postgres
