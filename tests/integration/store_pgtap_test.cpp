// Runs the pgTAP files of tests/pgtap on a migrated repository. Each must run as many tests as it planned.

#include <gmock/gmock.h>

#include <cstdio>
#include <filesystem>

#include "base/text.hpp"
#include "store_fixture.hpp"

namespace pganalytics::store {
namespace {

namespace fs = std::filesystem;

class PgTap : public StoreTest {
  protected:
    /// What psql prints, errors included.
    std::string run_file(const fs::path& file) {
        const std::string command = "PATH=" + cluster().binaries().string() +
                                    ":$PATH psql -X -q -A -t -v ON_ERROR_STOP=1 -d '" + conninfo_with_quotes() +
                                    "' -f '" + file.string() + "' 2>&1";
        FILE* pipe = popen(command.c_str(), "r");
        if (pipe == nullptr) throw std::runtime_error("psql cannot be run");
        std::string output;
        char buffer[4096];
        while (const auto count = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
        status_ = pclose(pipe);
        return output;
    }
    int status_ = -1;

  private:
    [[nodiscard]] std::string conninfo_with_quotes() const {
        std::string text;
        for (const char c : conninfo().reveal()) {
            if (c == '\'') {
                text += "'\\''";
            } else {
                text += c;
            }
        }
        return text;
    }
};

TEST_F(PgTap, AllFilesPass) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(PGANALYTICS_SOURCE_DIR) / "tests/pgtap")) {
        if (entry.path().extension() != ".sql") continue;
        ++files;
        const auto output = run_file(entry.path());
        EXPECT_EQ(status_, 0) << output;
        std::int64_t planned = 0;
        std::int64_t passed = 0;
        for (const auto& line : base::split(output, '\n')) {
            if (line.starts_with("1..")) planned = base::parse_integer(line.substr(3)).value_or(0);
            if (line.starts_with("ok ")) ++passed;
            EXPECT_FALSE(line.starts_with("not ok")) << output;
        }
        EXPECT_GT(planned, 0) << output;
        EXPECT_EQ(passed, planned) << output;
    }
    EXPECT_GT(files, 0) << "there is nothing in tests/pgtap";
}

}  // namespace
}  // namespace pganalytics::store
