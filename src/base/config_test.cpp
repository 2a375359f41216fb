#include "base/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace pganalytics::base {
namespace {

/// A file in the test's own folder, removed with it.
class ConfigFile {
  public:
    explicit ConfigFile(std::string_view text) {
        std::string pattern = testing::TempDir() + "pganalytics_config_XXXXXX";
        const int handle = mkstemp(pattern.data());
        path_ = pattern;
        std::ofstream(path_) << text;
        if (handle >= 0) fclose(fdopen(handle, "r"));
    }
    ~ConfigFile() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

TEST(Config, LaterSourcesWin) {
    const ConfigFile file("[http]\nport = 9000\naddress = \"::1\"\n[log]\nlevel = \"debug\"\n");
    const auto config = load_config(file.path(), {{"PGANALYTICS_HTTP_PORT", "9001"}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->http_port, 9001);
    EXPECT_EQ(config->http_address, "::1");
    EXPECT_EQ(config->log_level, LogLevel::debug);
}

TEST(Config, UnknownKeysNameTheNearest) {
    const ConfigFile file("[http]\nprot = 9000\n");
    const auto config = load_config(file.path(), {});
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().message.find("http.prot"), std::string::npos);
    EXPECT_EQ(config.error().hint, "Did you mean \"http.port\"?");
    const auto environment = load_config({}, {{"PGANALYTICS_HTTP_PROT", "1"}});
    ASSERT_FALSE(environment);
    EXPECT_EQ(environment.error().hint, "Did you mean \"PGANALYTICS_HTTP_PORT\"?");
}

TEST(Config, BadValuesNameTheirKey) {
    for (const auto* text : {"[http]\nport = 70000\n", "[http]\nport = \"x\"\n", "[http]\nport = [1]\n"}) {
        const ConfigFile file(text);
        const auto config = load_config(file.path(), {});
        ASSERT_FALSE(config) << text;
        EXPECT_EQ(config.error().field, "http.port");
    }
    const ConfigFile broken("[http\n");
    EXPECT_EQ(load_config(broken.path(), {}).error().code, ErrorCode::fix_input);
    EXPECT_EQ(load_config("/nonexistent/pganalytics.toml", {}).error().code, ErrorCode::fix_input);
}

TEST(Config, SecretsComeFromFiles) {
    const ConfigFile secret("host=db password=x\n");
    const auto config = load_config({}, {{"PGANALYTICS_REPOSITORY_CONNINFO_FILE", secret.path().string()}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->repository_conninfo.reveal(), "host=db password=x");
    EXPECT_FALSE(load_config({}, {{"PGANALYTICS_REPOSITORY_CONNINFO_FILE", "/nonexistent"}}));
}

TEST(Config, Targets) {
    const ConfigFile file("[[target]]\nname = \"main\"\nconninfo = \"service=main\"\ndatabases = [\"!x\"]\n");
    const auto config = load_config(file.path(), {});
    ASSERT_TRUE(config) << config.error().message;
    ASSERT_EQ(config->targets.size(), 1U);
    EXPECT_EQ(config->targets[0].databases, std::vector<std::string>{"!x"});
    EXPECT_FALSE(config->targets[0].total_memory);
    const ConfigFile sized("[[target]]\nconninfo = \"service=main\"\ntotal_memory = \"16GB\"\n");
    EXPECT_EQ(load_config(sized.path(), {})->targets.front().total_memory, mebibytes(16384));
    const ConfigFile wrong("[[target]]\nconninfo = \"service=main\"\ntotal_memory = \"much\"\n");
    EXPECT_EQ(load_config(wrong.path(), {}).error().field, "target.total_memory");
    const ConfigFile nameless("[[target]]\nname = \"main\"\n");
    EXPECT_FALSE(load_config(nameless.path(), {}));
}

TEST(Config, TheDefaultsOfTheListAreThoseOfTheProgram) {
    for (const auto& spec : settings()) {
        if (spec.default_value.empty()) continue;
        Config config;
        EXPECT_TRUE(spec.set(config, spec.default_value)) << spec.key;
    }
    Config config;
    for (const auto& spec : settings()) {
        if (!spec.default_value.empty()) EXPECT_TRUE(spec.set(config, spec.default_value)) << spec.key;
    }
    const Config defaults;
    EXPECT_EQ(config.http_port, defaults.http_port);
    EXPECT_EQ(config.collector_interval, defaults.collector_interval);
    EXPECT_EQ(config.collector_text_interval, defaults.collector_text_interval);
    EXPECT_EQ(config.collector_catalog_interval, defaults.collector_catalog_interval);
    EXPECT_EQ(config.collector_max_text_bytes, defaults.collector_max_text_bytes);
    EXPECT_EQ(config.history_raw, defaults.history_raw);
    EXPECT_EQ(config.history_ten_minutes, defaults.history_ten_minutes);
    EXPECT_EQ(config.history_hours, defaults.history_hours);
    EXPECT_EQ(config.history_disk_budget, defaults.history_disk_budget);
    EXPECT_EQ(config.analysis_interval, defaults.analysis_interval);
    EXPECT_EQ(config.analysis_window, defaults.analysis_window);
}

}  // namespace
}  // namespace pganalytics::base
