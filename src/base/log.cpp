#include "base/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"

namespace pganalytics::base {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            break;
    }
    return spdlog::level::off;
}

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
        case LogLevel::off:
            break;
    }
    return "off";
}

/// Keeps finished lines in memory, for tests.
class LinesSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit LinesSink(std::shared_ptr<std::vector<std::string>> lines) : lines_(std::move(lines)) {}

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        lines_->emplace_back(message.payload.data(), message.payload.size());
    }
    void flush_() override {}

  private:
    std::shared_ptr<std::vector<std::string>> lines_;
};

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" =\"\n\t\\") != std::string_view::npos;
}

std::string json_text(std::string_view value) {
    return nlohmann::json(to_valid_utf8(value)).dump();
}

}  // namespace

struct Log::Sink {
    spdlog::logger logger;
    LogFormat format;
};

Result<LogLevel> parse_log_level(std::string_view name) {
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error, LogLevel::off}) {
        if (name_of(level) == name) return level;
    }
    return Error{ErrorCode::fix_input, fmt::format("Unknown log level \"{}\"", name),
                 "Choose debug, info, warning, error or off.", "log.level"};
}

Result<LogFormat> parse_log_format(std::string_view name) {
    if (name == "logfmt") return LogFormat::logfmt;
    if (name == "json") return LogFormat::json;
    return Error{ErrorCode::fix_input, fmt::format("Unknown log format \"{}\"", name), "Choose logfmt or json.",
                 "log.format"};
}

Log::Log(LogLevel level, LogFormat format)
    : sink_(std::make_shared<Sink>(
          Sink{spdlog::logger("pganalytics", std::make_shared<spdlog::sinks::stderr_sink_mt>()), format})) {
    sink_->logger.set_level(to_spdlog(level));
    sink_->logger.set_pattern("%v");
}

Log::Log(LogLevel level, LogFormat format, std::shared_ptr<std::vector<std::string>> lines)
    : sink_(std::make_shared<Sink>(
          Sink{spdlog::logger("pganalytics", std::make_shared<LinesSink>(std::move(lines))), format})) {
    sink_->logger.set_level(to_spdlog(level));
    sink_->logger.set_pattern("%v");
}

Log Log::with(LogField field) const {
    Log child = *this;
    child.context_.push_back(std::move(field));
    return child;
}

bool Log::enabled(LogLevel level) const {
    return sink_ && sink_->logger.should_log(to_spdlog(level));
}

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) const {
    if (!enabled(level)) return;
    std::string line;
    const std::string time = to_rfc3339(SystemClock{}.now());
    if (sink_->format == LogFormat::json) {
        line = fmt::format(R"({{"time":"{}","level":"{}","event":{})", time, name_of(level), json_text(event));
        const auto add = [&](const LogField& field) {
            line += fmt::format(",{}:{}", json_text(field.key),
                                field.is_number ? field.value : json_text(redact_text(field.value)));
        };
        for (const auto& field : context_) add(field);
        for (const auto& field : fields) add(field);
        line += '}';
    } else {
        line = fmt::format("time={} level={} event={}", time, name_of(level),
                           needs_quotes(event) ? json_text(event) : std::string(event));
        const auto add = [&](const LogField& field) {
            const std::string value = redact_text(field.value);
            line += fmt::format(" {}={}", field.key, needs_quotes(value) ? json_text(value) : value);
        };
        for (const auto& field : context_) add(field);
        for (const auto& field : fields) add(field);
    }
    sink_->logger.log(to_spdlog(level), "{}", line);
}

void Log::debug(std::string_view event, std::initializer_list<LogField> fields) const {
    write(LogLevel::debug, event, fields);
}
void Log::info(std::string_view event, std::initializer_list<LogField> fields) const {
    write(LogLevel::info, event, fields);
}
void Log::warning(std::string_view event, std::initializer_list<LogField> fields) const {
    write(LogLevel::warning, event, fields);
}
void Log::error(std::string_view event, std::initializer_list<LogField> fields) const {
    write(LogLevel::error, event, fields);
}

}  // namespace pganalytics::base
