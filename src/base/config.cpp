#include "base/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/text.hpp"

extern char** environ;

namespace pganalytics::base {

namespace {

using Setter = std::function<Status(Config&, std::string_view)>;

Error bad_value(std::string_view value, std::string_view expected) {
    return Error{ErrorCode::fix_input, fmt::format("\"{}\" is not {}", value, expected), {}, {}};
}

Setter number_between(std::int64_t lowest, std::int64_t highest, std::function<void(Config&, std::int64_t)> assign) {
    return [=](Config& config, std::string_view value) -> Status {
        const auto number = parse_integer(trim(value));
        if (!number || *number < lowest || *number > highest) {
            return bad_value(value, fmt::format("a whole number from {} to {}", lowest, highest));
        }
        assign(config, *number);
        return {};
    };
}

Setter path_into(std::filesystem::path Config::*member) {
    return [=](Config& config, std::string_view value) -> Status {
        config.*member = std::filesystem::path(value);
        return {};
    };
}

Setter memory_into(Bytes Config::*member) {
    return [=](Config& config, std::string_view value) -> Status {
        PGANALYTICS_ASSIGN(const Bytes size, parse_memory(value, mebibytes(1)));
        if (size.value <= 0) return bad_value(value, "an amount of memory above zero");
        config.*member = size;
        return {};
    };
}

constexpr std::int64_t day_seconds = 86'400;

std::vector<SettingSpec> make_settings() {
    std::vector<SettingSpec> list;
    const auto add = [&](std::string key, std::string default_value, std::string description, Setter set,
                         bool secret = false) {
        list.push_back({std::move(key), std::move(default_value), std::move(description), secret, std::move(set)});
    };
    add(
        "repository.conninfo", "",
        "Connection string of the repository's PostgreSQL. Empty: a private cluster is kept in the state folder.",
        [](Config& config, std::string_view value) -> Status {
            config.repository_conninfo = Secret(std::string(value));
            return {};
        },
        true);
    add("state.folder", "",
        "Where the private cluster, keys and tokens live. Empty: /var/lib/pganalytics for root, else "
        "$XDG_STATE_HOME/pganalytics.",
        path_into(&Config::state_folder));
    add("state.runtime_folder", "", "Where sockets live (a short path). Empty: a private folder under /run or /tmp.",
        path_into(&Config::runtime_folder));
    add("state.postgres_bin_folder", "",
        "Folder of initdb and postgres for private clusters. Empty: the newest supported one installed.",
        path_into(&Config::postgres_bin_folder));
    add("http.address", "127.0.0.1", "Address to listen on. Anything but loopback should come with TLS.",
        [](Config& config, std::string_view value) -> Status {
            if (value.empty()) return bad_value(value, "an address");
            config.http_address = std::string(value);
            return {};
        });
    add("http.port", "8571", "Port to listen on; 0 picks a free one.",
        number_between(0, 65535,
                       [](Config& config, std::int64_t number) { config.http_port = static_cast<int>(number); }));
    add("http.tls_certificate", "", "PEM file with the certificate chain. Empty: no TLS.",
        path_into(&Config::http_tls_certificate));
    add("http.tls_key", "", "PEM file with the private key.", path_into(&Config::http_tls_key));
    add("http.threads", "4", "Threads that answer requests.",
        number_between(1, 256,
                       [](Config& config, std::int64_t number) { config.http_threads = static_cast<int>(number); }));
    add("log.level", "info", "debug, info, warning, error or off.",
        [](Config& config, std::string_view value) -> Status {
            PGANALYTICS_ASSIGN(config.log_level, parse_log_level(value));
            return {};
        });
    add("log.format", "logfmt", "logfmt or json.", [](Config& config, std::string_view value) -> Status {
        PGANALYTICS_ASSIGN(config.log_format, parse_log_format(value));
        return {};
    });
    add("collector.interval_seconds", "60", "How often counters are read.",
        number_between(1, day_seconds,
                       [](Config& config, std::int64_t n) { config.collector_interval = std::chrono::seconds(n); }));
    add("collector.text_interval_seconds", "300", "How often texts of new statements are read, at most.",
        number_between(1, day_seconds, [](Config& config, std::int64_t n) {
            config.collector_text_interval = std::chrono::seconds(n);
        }));
    add("collector.catalog_interval_seconds", "3600", "How often each database's catalog is read.",
        number_between(1, 30 * day_seconds, [](Config& config, std::int64_t n) {
            config.collector_catalog_interval = std::chrono::seconds(n);
        }));
    add("collector.max_text_bytes", "64MB", "Texts read from one target in one go, at most.",
        memory_into(&Config::collector_max_text_bytes));
    add("collector.keep_examples", "true",
        "Keep a few texts of each statement with their literals, which plans are judged by. They may hold personal "
        "data.",
        [](Config& config, std::string_view value) -> Status {
            if (value != "true" && value != "false") return bad_value(value, "true or false");
            config.collector_keep_examples = value == "true";
            return {};
        });
    add("history.raw_hours", "48", "How long each interval is kept as it was read.",
        number_between(1, 24 * 366,
                       [](Config& config, std::int64_t n) { config.history_raw = std::chrono::hours(n); }));
    add("history.ten_minute_days", "35", "How long history is kept in steps of ten minutes.",
        number_between(
            1, 3660, [](Config& config, std::int64_t n) { config.history_ten_minutes = std::chrono::hours(24 * n); }));
    add("history.hour_days", "400", "How long history is kept in steps of an hour.",
        number_between(1, 36600,
                       [](Config& config, std::int64_t n) { config.history_hours = std::chrono::hours(24 * n); }));
    add("history.disk_budget", "10GB", "Disk space for history; above it the oldest and coarsest goes first.",
        memory_into(&Config::history_disk_budget));
    add("analysis.interval_seconds", "900", "How often the workload is analysed.",
        number_between(5, day_seconds,
                       [](Config& config, std::int64_t n) { config.analysis_interval = std::chrono::seconds(n); }));
    add("analysis.window_hours", "24", "How far back urgency looks.",
        number_between(1, 24 * 90,
                       [](Config& config, std::int64_t n) { config.analysis_window = std::chrono::hours(n); }));
    add("training.interval_hours", "168",
        "How often each database's prediction model is trained anew, and whether a first one is made once there is "
        "history enough; 0 leaves both to people.",
        number_between(0, 24 * 366,
                       [](Config& config, std::int64_t n) { config.training_interval = std::chrono::hours(n); }));
    add("training.on_drift", "true", "Train anew when a model's inputs or errors have moved.",
        [](Config& config, std::string_view value) -> Status {
            if (value != "true" && value != "false") return bad_value(value, "true or false");
            config.training_on_drift = value == "true";
            return {};
        });
    add("training.lookback_days", "90", "How much history scheduled trainings learn from.",
        number_between(7, 400,
                       [](Config& config, std::int64_t n) { config.training_lookback_days = static_cast<int>(n); }));
    add("training.model_type", "gradient_boosting",
        "What scheduled trainings make: linear_regression, decision_tree, random_forest or gradient_boosting.",
        [](Config& config, std::string_view value) -> Status {
            constexpr std::array types{"linear_regression", "decision_tree", "random_forest", "gradient_boosting"};
            if (std::find(types.begin(), types.end(), value) == types.end()) return bad_value(value, "a model type");
            config.training_model_type = std::string(value);
            return {};
        });
    add("redis.url", "",
        "Redis that keeps predictions for several processes: redis://[user@]host[:port][/database] or "
        "unix:///path. Empty: each process keeps its own.",
        [](Config& config, std::string_view value) -> Status {
            config.redis_url = std::string(value);
            return {};
        });
    add(
        "redis.password", "", "Password of that Redis.",
        [](Config& config, std::string_view value) -> Status {
            config.redis_password = Secret(std::string(value));
            return {};
        },
        true);
    add("redis.timeout_milliseconds", "5", "How long to wait for an answer of that Redis.",
        number_between(1, 1000,
                       [](Config& config, std::int64_t n) { config.redis_timeout = std::chrono::milliseconds(n); }));
    add("sample.seed", "0",
        "Seed of the sample shop that `up` starts when it has no target; 0 is the shop with plain names.",
        number_between(0, std::numeric_limits<std::int32_t>::max(),
                       [](Config& config, std::int64_t n) { config.sample_seed = n; }));
    add("sample.scale", "1", "Size of the sample shop: 1 is a million rows and more.",
        [](Config& config, std::string_view value) -> Status {
            const auto number = parse_number(trim(value));
            if (!number || !(*number >= 0.01 && *number <= 100)) return bad_value(value, "a number from 0.01 to 100");
            config.sample_scale = *number;
            return {};
        });
    return list;
}

const SettingSpec* find_setting(std::string_view key) {
    const auto& list = settings();
    const auto found = std::find_if(list.begin(), list.end(), [&](const SettingSpec& spec) { return spec.key == key; });
    return found == list.end() ? nullptr : &*found;
}

Error unknown_key(std::string_view key, std::span<const std::string> known, std::string_view where) {
    const auto nearest = nearest_name(key, known);
    return Error{ErrorCode::fix_input, fmt::format("Unknown setting \"{}\" in {}", key, where),
                 nearest ? fmt::format("Did you mean \"{}\"?", *nearest) : "`pganalytics config` lists every setting.",
                 std::string(key)};
}

std::vector<std::string> known_keys() {
    std::vector<std::string> keys;
    for (const auto& spec : settings()) keys.push_back(spec.key);
    return keys;
}

Result<std::string> read_secret_file(const std::filesystem::path& path, std::string_view named_by) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return Error{ErrorCode::fix_input,
                     fmt::format("The file {} named by {} cannot be read", path.string(), named_by),
                     "Check that it exists and that this user may read it.", std::string(named_by)};
    }
    std::ostringstream text;
    text << in.rdbuf();
    return std::string(trim(text.str()));
}

std::string scalar_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    return {};
}

Status apply_named(Config& config, const SettingSpec& spec, std::string_view value, std::string_view where) {
    if (auto set = spec.set(config, value); !set) {
        Error error = set.error();
        // The value of a secret must not be repeated.
        if (spec.secret) error.message = "The value is not valid";
        error.message = fmt::format("{} in {}: {}", spec.key, where, error.message);
        error.field = spec.key;
        return error;
    }
    return {};
}

Result<std::vector<std::string>> text_list(const toml::node& node, std::string_view key) {
    const auto* array = node.as_array();
    std::vector<std::string> values;
    bool is_list = array != nullptr;
    if (array != nullptr) {
        for (const auto& item : *array) {
            is_list = is_list && item.is_string();
            if (item.is_string()) values.push_back(item.as_string()->get());
        }
    }
    if (!is_list) {
        return Error{ErrorCode::fix_input, fmt::format("{} must be a list of texts", key),
                     "Write it as [\"one\", \"two\"].", std::string(key)};
    }
    return values;
}

Result<TargetConfig> read_target(const toml::table& table, const std::string& where) {
    static const std::vector<std::string> known{"name", "conninfo", "conninfo_file", "databases", "total_memory"};
    TargetConfig target;
    for (const auto& [name, node] : table) {
        const std::string key(name.str());
        if (key == "name") {
            target.name = scalar_text(node);
        } else if (key == "conninfo") {
            target.conninfo = Secret(scalar_text(node));
        } else if (key == "conninfo_file") {
            PGANALYTICS_ASSIGN(std::string text, read_secret_file(scalar_text(node), "target.conninfo_file"));
            target.conninfo = Secret(std::move(text));
        } else if (key == "databases") {
            PGANALYTICS_ASSIGN(target.databases, text_list(node, "target.databases"));
        } else if (key == "total_memory") {
            const auto size = parse_memory(scalar_text(node));
            if (!size || size->value <= 0) {
                return Error{ErrorCode::fix_input,
                             fmt::format("\"{}\" in {} is no amount of memory", scalar_text(node), where),
                             "Write it as PostgreSQL does: \"16GB\".", "target.total_memory"};
            }
            target.total_memory = *size;
        } else {
            return unknown_key(key, known, where + " [[target]]");
        }
    }
    if (target.conninfo.empty()) {
        return Error{ErrorCode::fix_input, fmt::format("A [[target]] in {} has no conninfo", where),
                     "Give conninfo or conninfo_file, as psql would take it.", "target.conninfo"};
    }
    return target;
}

Status read_file(Config& config, const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) {
        return Error{ErrorCode::fix_input, fmt::format("The configuration file {} does not exist", path.string()),
                     "Name another with --config or PGANALYTICS_CONFIG.", "config"};
    }
    toml::table document;
    try {
        document = toml::parse_file(path.string());
    } catch (const toml::parse_error& error) {
        return Error{ErrorCode::fix_input,
                     fmt::format("{}:{}: {}", path.string(), error.source().begin.line, error.description()),
                     "The file must be TOML 1.0.", "config"};
    }
    const std::vector<std::string> keys = known_keys();
    for (const auto& [section_name, section] : document) {
        const std::string section_text(section_name.str());
        if (section_text == "target") {
            const auto* array = section.as_array();
            if (array == nullptr) {
                return Error{ErrorCode::fix_input,
                             fmt::format("target in {} must be written as [[target]]", path.string()),
                             {},
                             "target"};
            }
            for (const auto& item : *array) {
                const auto* table = item.as_table();
                if (table == nullptr)
                    return Error{ErrorCode::fix_input, "Each [[target]] must be a table", {}, "target"};
                PGANALYTICS_ASSIGN(TargetConfig target, read_target(*table, path.string()));
                config.targets.push_back(std::move(target));
            }
            continue;
        }
        const auto* table = section.as_table();
        if (table == nullptr) return unknown_key(section_text, keys, path.string());
        for (const auto& [name, node] : *table) {
            const std::string key = section_text + "." + std::string(name.str());
            const std::string where = fmt::format("{}:{}", path.string(), node.source().begin.line);
            if (const auto* spec = find_setting(key)) {
                if (node.is_table() || node.is_array()) {
                    return Error{ErrorCode::fix_input, fmt::format("{} in {} must be one value", key, where), {}, key};
                }
                PGANALYTICS_RETURN_IF_ERROR(apply_named(config, *spec, scalar_text(node), where));
            } else if (key.ends_with("_file") && find_setting(key.substr(0, key.size() - 5)) != nullptr) {
                PGANALYTICS_ASSIGN(const std::string text, read_secret_file(scalar_text(node), key));
                PGANALYTICS_RETURN_IF_ERROR(
                    apply_named(config, *find_setting(key.substr(0, key.size() - 5)), text, where));
            } else {
                return unknown_key(key, keys, where);
            }
        }
    }
    return {};
}

Status read_environment(Config& config, const Environment& environment) {
    std::vector<std::string> known{"PGANALYTICS_CONFIG"};
    for (const auto& spec : settings()) {
        known.push_back(spec.environment_variable());
        known.push_back(spec.environment_variable() + "_FILE");
    }
    for (const auto& [name, value] : environment) {
        // The tests' own variables are no settings.
        if (!name.starts_with("PGANALYTICS_") || name.starts_with("PGANALYTICS_TEST_")) continue;
        if (std::find(known.begin(), known.end(), name) == known.end())
            return unknown_key(name, known, "the environment");
    }
    for (const auto& spec : settings()) {
        const std::string name = spec.environment_variable();
        if (const auto file = environment.find(name + "_FILE"); file != environment.end()) {
            PGANALYTICS_ASSIGN(const std::string text, read_secret_file(file->second, name + "_FILE"));
            PGANALYTICS_RETURN_IF_ERROR(apply_named(config, spec, text, name + "_FILE"));
        }
        if (const auto value = environment.find(name); value != environment.end()) {
            PGANALYTICS_RETURN_IF_ERROR(apply_named(config, spec, value->second, name));
        }
    }
    return {};
}

}  // namespace

std::string SettingSpec::environment_variable() const {
    std::string name = "PGANALYTICS_" + key;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c == '.' ? '_' : static_cast<char>(std::toupper(c)); });
    return name;
}

const std::vector<SettingSpec>& settings() {
    static const std::vector<SettingSpec> list = make_settings();
    return list;
}

Environment process_environment() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

Result<Config> load_config(const std::filesystem::path& file, const Environment& environment) {
    Config config;
    std::filesystem::path path = file;
    if (const auto named = environment.find("PGANALYTICS_CONFIG"); path.empty() && named != environment.end())
        path = named->second;
    if (!path.empty()) PGANALYTICS_RETURN_IF_ERROR(read_file(config, path));
    PGANALYTICS_RETURN_IF_ERROR(read_environment(config, environment));
    if (config.http_tls_certificate.empty() != config.http_tls_key.empty()) {
        return Error{ErrorCode::fix_input, "http.tls_certificate and http.tls_key go together", "Give both or neither.",
                     "http.tls_key"};
    }
    return config;
}

Status apply_setting(Config& config, std::string_view key, std::string_view value) {
    const auto* spec = find_setting(key);
    if (spec == nullptr) {
        const auto keys = known_keys();
        return unknown_key(key, keys, "the command line");
    }
    return apply_named(config, *spec, value, "the command line");
}

std::string describe_settings() {
    std::string text;
    for (const auto& spec : settings()) {
        text += fmt::format("### `{}`\n\n{} Default: {}. Variable: `{}`{}.\n\n", spec.key, spec.description,
                            spec.default_value.empty() ? "empty" : "`" + spec.default_value + "`",
                            spec.environment_variable(),
                            spec.secret ? fmt::format(" (or `{}_FILE`)", spec.environment_variable()) : "");
    }
    return text;
}

}  // namespace pganalytics::base
