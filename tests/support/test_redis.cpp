#include "support/test_redis.hpp"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace pganalytics::test_support {

namespace {

constexpr const char* program = "/usr/bin/redis-server";

redisContext* connect_to(const std::filesystem::path& folder) {
    return redisConnectUnixWithTimeout((folder / "redis.sock").c_str(), {1, 0});
}

}  // namespace

TestRedis::TestRedis() {
    std::string pattern = (std::filesystem::temp_directory_path() / "redis.XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for a Redis");
    folder_ = pattern;
    start();
}

TestRedis::~TestRedis() {
    if (pid_ > 0) {
        thaw();
        kill();
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string TestRedis::url() const {
    return "unix://" + (folder_ / "redis.sock").string();
}

void TestRedis::start() {
    const std::string socket = (folder_ / "redis.sock").string();
    const std::string log = (folder_ / "log").string();
    const std::string folder = folder_.string();
    pid_ = fork();
    if (pid_ == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(program, program, "--port", "0", "--unixsocket", socket.c_str(), "--save", "", "--appendonly", "no",
              "--dir", folder.c_str(), "--logfile", log.c_str(), nullptr);
        _exit(127);
    }
    for (int i = 0; i < 300; ++i) {
        if (answers()) return;
        if (waitpid(pid_, nullptr, WNOHANG) == pid_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("redis-server does not start; is the package redis-server installed?");
}

bool TestRedis::answers() const {
    redisContext* context = connect_to(folder_);
    if (context == nullptr) return false;
    auto* reply = context->err == 0 ? static_cast<redisReply*>(redisCommand(context, "PING")) : nullptr;
    const bool good = reply != nullptr && reply->type == REDIS_REPLY_STATUS;
    if (reply != nullptr) freeReplyObject(reply);
    redisFree(context);
    return good;
}

void TestRedis::kill() {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    std::error_code ignored;
    std::filesystem::remove(folder_ / "redis.sock", ignored);
}

void TestRedis::freeze() {
    ::kill(pid_, SIGSTOP);
}

void TestRedis::thaw() {
    ::kill(pid_, SIGCONT);
}

int TestRedis::overwrite_all(const std::string& value) {
    redisContext* context = connect_to(folder_);
    if (context == nullptr || context->err != 0) throw std::runtime_error("Redis does not answer");
    auto* keys = static_cast<redisReply*>(redisCommand(context, "KEYS *"));
    const int count = keys == nullptr ? 0 : static_cast<int>(keys->elements);
    for (int i = 0; i < count; ++i) {
        const auto* key = keys->element[i];
        freeReplyObject(redisCommand(context, "SET %b %b", key->str, static_cast<std::size_t>(key->len), value.data(),
                                     value.size()));
    }
    if (keys != nullptr) freeReplyObject(keys);
    redisFree(context);
    return count;
}

}  // namespace pganalytics::test_support
