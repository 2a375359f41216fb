#include "net/redis_cache.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "prediction/prediction_json.hpp"

namespace pganalytics::net {

namespace {

constexpr std::size_t signature_digits = 64;
/// A prediction has a few kilobytes; more is not ours.
constexpr std::size_t longest_value = 256 * 1024;

base::Error bad_url(std::string_view what) {
    return {base::ErrorCode::fix_input, fmt::format("redis.url {}", what),
            "Write redis://host:6379, redis://user@host/1 or unix:///run/redis/redis.sock; the password goes into "
            "redis.password.",
            "redis.url"};
}

timeval as_timeval(std::chrono::milliseconds span) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(span - seconds);
    return {static_cast<time_t>(seconds.count()), static_cast<suseconds_t>(rest.count())};
}

std::string name_of(const prediction::CacheKey& key) {
    return fmt::format("pganalytics:prediction:1:{:016x}{:016x}", key.high, key.low);
}

struct ReplyDeleter {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, ReplyDeleter>;

/// One command from its words; null where no answer came.
Reply command(redisContext* context, const std::vector<std::string_view>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    for (const auto word : words) {
        texts.push_back(word.data());
        lengths.push_back(word.size());
    }
    return Reply(static_cast<redisReply*>(
        redisCommandArgv(context, static_cast<int>(words.size()), texts.data(), lengths.data())));
}

base::Result<int> number_in(std::string_view text, int most, std::string_view what) {
    const auto number = base::parse_integer(text);
    if (!number || *number < 0 || *number > most) return bad_url(fmt::format("has no valid {}", what));
    return static_cast<int>(*number);
}

/// hiredis writes to its socket without care for SIGPIPE, which would end a process that does not ignore it. Held back
/// for this thread while it lives, and taken away if it came.
class WithoutPipeSignal {
  public:
    WithoutPipeSignal() {
        sigset_t pending{};
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~WithoutPipeSignal() {
        const timespec at_once{0, 0};
        if (!was_pending_) sigtimedwait(&pipe_, nullptr, &at_once);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    WithoutPipeSignal(const WithoutPipeSignal&) = delete;
    WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;

  private:
    sigset_t pipe_{}, before_{};
    bool was_pending_ = false;
};

}  // namespace

struct RedisCache::Connection {
    explicit Connection(redisContext* opened) : context(opened) {}
    ~Connection() { redisFree(context); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    redisContext* context;
};

struct RedisCache::Answer {
    explicit Answer(Reply from) : reply(std::move(from)) {}
    Reply reply;
};

base::Result<RedisAddress> parse_redis_url(const std::string& url) {
    RedisAddress address;
    if (url.starts_with("rediss://")) {
        return base::Error{base::ErrorCode::unsupported, "TLS to Redis is not supported",
                           "Let a local proxy or a private network carry it.", "redis.url"};
    }
    if (constexpr std::string_view scheme = "unix://"; url.starts_with(scheme)) {
        const auto mark = std::min(url.find('?'), url.size());
        address.socket_path = url.substr(scheme.size(), mark - scheme.size());
        if (!address.socket_path.starts_with('/')) return bad_url("names no socket by its full path");
        if (mark < url.size()) {
            const auto query = url.substr(mark + 1);
            if (!query.starts_with("db=")) return bad_url("has an unknown option");
            PGANALYTICS_ASSIGN(address.database, number_in(std::string_view(query).substr(3), 1'000'000, "database"));
        }
        return address;
    }
    constexpr std::string_view scheme = "redis://";
    if (!url.starts_with(scheme)) return bad_url("begins neither with redis:// nor with unix://");
    std::string rest = url.substr(scheme.size());
    if (const auto slash = rest.find('/'); slash != std::string::npos) {
        if (slash + 1 < rest.size()) {
            PGANALYTICS_ASSIGN(address.database,
                               number_in(std::string_view(rest).substr(slash + 1), 1'000'000, "database"));
        }
        rest.resize(slash);
    }
    if (const auto at = rest.rfind('@'); at != std::string::npos) {
        address.user = rest.substr(0, at);
        // What stands there would be shown wherever settings are.
        if (address.user.find(':') != std::string::npos) return bad_url("holds a password");
        rest = rest.substr(at + 1);
    }
    const bool bracketed = rest.starts_with('[');
    const auto end_of_name = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (end_of_name == std::string::npos) return bad_url("has an address without its closing bracket");
    address.host = bracketed ? rest.substr(1, end_of_name - 1) : rest.substr(0, end_of_name);
    if (address.host.empty()) return bad_url("names no host");
    const std::string after = rest.substr(end_of_name + (bracketed ? 1 : 0));
    if (!after.empty()) {
        if (!after.starts_with(':')) return bad_url("is malformed after the host");
        PGANALYTICS_ASSIGN(address.port, number_in(std::string_view(after).substr(1), 65535, "port"));
    }
    return address;
}

RedisCache::RedisCache(RedisOptions options, RedisAddress address, const base::Clock& clock)
    : options_(std::move(options)), address_(std::move(address)), breaker_(options_.circuit, clock) {}

RedisCache::~RedisCache() = default;

base::Result<std::unique_ptr<RedisCache>> RedisCache::create(RedisOptions options, const base::Clock& clock) {
    PGANALYTICS_ASSIGN(auto address, parse_redis_url(options.url));
    return std::unique_ptr<RedisCache>(new RedisCache(std::move(options), std::move(address), clock));
}

std::unique_ptr<RedisCache::Connection> RedisCache::connect() const {
    const auto patience = as_timeval(options_.connect_timeout);
    redisContext* context = address_.socket_path.empty()
                                ? redisConnectWithTimeout(address_.host.c_str(), address_.port, patience)
                                : redisConnectUnixWithTimeout(address_.socket_path.c_str(), patience);
    if (context == nullptr) return nullptr;
    auto connection = std::make_unique<Connection>(context);
    if (context->err != 0 || redisSetTimeout(context, patience) != REDIS_OK) return nullptr;
    const auto accepted = [&](const std::vector<std::string_view>& words) {
        const auto reply = command(context, words);
        return reply && reply->type != REDIS_REPLY_ERROR;
    };
    const std::string& password = options_.password.reveal();
    if (!password.empty()) {
        const bool in =
            address_.user.empty() ? accepted({"AUTH", password}) : accepted({"AUTH", address_.user, password});
        if (!in) return nullptr;
    }
    if (address_.database != 0 && !accepted({"SELECT", std::to_string(address_.database)})) return nullptr;
    if (redisSetTimeout(context, as_timeval(options_.timeout)) != REDIS_OK) return nullptr;
    return connection;
}

std::unique_ptr<RedisCache::Answer> RedisCache::ask(const std::vector<std::string_view>& words) {
    const WithoutPipeSignal quiet;
    std::unique_ptr<Connection> connection;
    {
        const std::lock_guard lock(mutex_);
        if (in_use_ >= options_.connections) {
            ++spared_;
            return nullptr;
        }
        ++in_use_;
        if (!idle_.empty()) {
            connection = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    std::unique_ptr<Answer> answer;
    if (auto permit = breaker_.try_enter()) {
        if (!connection) connection = connect();
        if (connection) answer = std::make_unique<Answer>(command(connection->context, words));
        if (answer && answer->reply) {
            permit->succeeded();
        } else {
            answer.reset();
            permit->failed();
            ++failures_;
        }
    } else {
        ++spared_;
    }
    const std::lock_guard lock(mutex_);
    --in_use_;
    if (connection && connection->context->err == 0) {
        idle_.push_back(std::move(connection));
    } else if (connection) {
        // Its fellows lead to the same server; after a restart of it they are all dead.
        idle_.clear();
    }
    return answer;
}

std::string RedisCache::signature(std::string_view key, std::string_view value) const {
    return base::hmac_sha256_hex(options_.signing_key.reveal(), fmt::format("{} {}", key, value));
}

std::shared_ptr<const prediction::Prediction> RedisCache::read(std::string_view key, std::string_view value) const {
    if (value.size() < signature_digits + 2 || value.size() > longest_value || value[signature_digits] != ' ') {
        return nullptr;
    }
    const auto body = value.substr(signature_digits + 1);
    if (!base::equal_in_constant_time(signature(key, body), value.substr(0, signature_digits))) return nullptr;
    const auto json = nlohmann::ordered_json::parse(body, nullptr, false);
    auto prediction = prediction::prediction_from_json(json);
    if (!prediction) return nullptr;
    return std::make_shared<const prediction::Prediction>(std::move(*prediction));
}

std::shared_ptr<const prediction::Prediction> RedisCache::find(const prediction::CacheKey& key) {
    const std::string name = name_of(key);
    const auto answer = ask({"GET", name});
    if (!answer) return nullptr;
    const redisReply& reply = *answer->reply;
    if (reply.type == REDIS_REPLY_NIL) {
        ++misses_;
        return nullptr;
    }
    auto prediction =
        reply.type == REDIS_REPLY_STRING ? read(name, {reply.str, static_cast<std::size_t>(reply.len)}) : nullptr;
    ++(prediction ? hits_ : refused_);
    return prediction;
}

void RedisCache::put(const prediction::CacheKey& key, std::shared_ptr<const prediction::Prediction> prediction) {
    const std::string name = name_of(key);
    const std::string body =
        prediction::to_json(*prediction).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string value = signature(name, body) + ' ' + body;
    const std::string lifetime =
        std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(options_.time_to_live).count());
    // Whether it was kept matters to nobody.
    static_cast<void>(ask({"SET", name, value, "PX", lifetime}));
}

RedisCache::Counters RedisCache::counters() const {
    return {hits_, misses_, failures_, refused_, spared_};
}

}  // namespace pganalytics::net
