#pragma once
// Configuration: defaults, then a TOML file, then PGANALYTICS_* variables, then command-line flags; later wins. Every
// setting stands in one list (`settings()`), which the loader, the documentation and the tests read. An unknown key is
// an error that names the nearest known one. A secret can be given by file: `<key>_file`, PGANALYTICS_<KEY>_FILE.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/units.hpp"

namespace pganalytics::base {

/// One target of the configuration file ([[target]]). Targets can also be kept in the repository.
struct TargetConfig {
    std::string name;
    Secret conninfo;
    /// Patterns (* and ?) of database names, those to leave out after a "!"; empty: all.
    std::vector<std::string> databases;
    /// Of the server's machine, where it cannot be read; absent: not said.
    std::optional<Bytes> total_memory;
};

struct Config {
    Secret repository_conninfo;  ///< empty: the private cluster
    std::filesystem::path state_folder;
    std::filesystem::path runtime_folder;
    std::filesystem::path postgres_bin_folder;

    std::string http_address = "127.0.0.1";
    int http_port = 8571;
    std::filesystem::path http_tls_certificate, http_tls_key;
    int http_threads = 4;

    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::logfmt;

    std::chrono::seconds collector_interval{60};
    std::chrono::seconds collector_text_interval{300};
    std::chrono::seconds collector_catalog_interval{3600};
    Bytes collector_max_text_bytes = mebibytes(64);
    bool collector_keep_examples = true;

    std::chrono::hours history_raw{48};
    std::chrono::hours history_ten_minutes{35 * 24};
    std::chrono::hours history_hours{400 * 24};
    Bytes history_disk_budget = mebibytes(10 * 1024);

    std::chrono::seconds analysis_interval{900};
    std::chrono::hours analysis_window{24};

    std::chrono::hours training_interval{7 * 24};  ///< zero: models are not trained by schedule
    bool training_on_drift = true;
    int training_lookback_days = 90;
    std::string training_model_type = "gradient_boosting";

    std::string redis_url;  ///< empty: predictions are cached in this process only
    Secret redis_password;
    std::chrono::milliseconds redis_timeout{5};

    std::int64_t sample_seed = 0;
    double sample_scale = 1.0;

    std::vector<TargetConfig> targets;
};

/// One row of the list of settings.
struct SettingSpec {
    std::string key;  ///< "http.port"; the variable is PGANALYTICS_HTTP_PORT
    std::string default_value;
    std::string description;
    bool secret = false;
    std::function<Status(Config&, std::string_view)> set;

    [[nodiscard]] std::string environment_variable() const;
};

[[nodiscard]] const std::vector<SettingSpec>& settings();

using Environment = std::map<std::string, std::string, std::less<>>;
/// The process's own environment, as a value.
[[nodiscard]] Environment process_environment();

/// File, then environment. `file` empty: PGANALYTICS_CONFIG, else none. A file that is named must exist.
/// Errors: fix_input, with key, file and line where known.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file, const Environment& environment);

/// Sets one setting by key, as the command line does.
[[nodiscard]] Status apply_setting(Config& config, std::string_view key, std::string_view value);

/// The manual page of all settings, in Markdown.
[[nodiscard]] std::string describe_settings();

}  // namespace pganalytics::base
