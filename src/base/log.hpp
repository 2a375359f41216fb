#pragma once
// Structured logs: an event name and key=value fields, as logfmt or JSON lines on stderr. A value type that is passed
// down, never a global. Thread-safe. Field values are redacted (base/secret.hpp) before they are written.

#include <fmt/format.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::base {

enum class LogLevel { debug, info, warning, error, off };
enum class LogFormat { logfmt, json };

[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view name);
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view name);

/// One field. Anything fmt can print becomes its text; numbers and booleans stay unquoted in JSON.
struct LogField {
    std::string key;
    std::string value;
    bool is_number = false;

    template <typename T>
    LogField(std::string_view name, const T& from)  // NOLINT(google-explicit-constructor)
        : key(name), value(fmt::format("{}", from)), is_number(std::is_arithmetic_v<T>) {}
};

class Log {
  public:
    /// Writes nowhere.
    Log() = default;
    /// Writes to stderr.
    Log(LogLevel level, LogFormat format);
    /// Writes lines through `sink` (tests).
    Log(LogLevel level, LogFormat format, std::shared_ptr<std::vector<std::string>> lines);

    /// A log whose every line also carries `field` (a target, a module).
    [[nodiscard]] Log with(LogField field) const;
    [[nodiscard]] bool enabled(LogLevel level) const;

    void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const;
    void info(std::string_view event, std::initializer_list<LogField> fields = {}) const;
    void warning(std::string_view event, std::initializer_list<LogField> fields = {}) const;
    void error(std::string_view event, std::initializer_list<LogField> fields = {}) const;

  private:
    struct Sink;
    void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const;

    std::shared_ptr<Sink> sink_;
    std::vector<LogField> context_;
};

}  // namespace pganalytics::base
