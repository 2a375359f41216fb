#pragma once
// A Redis of a test's own: on a Unix socket in a folder under the temporary directory, nothing kept on disk, ended by
// its own pid. Throws where it cannot be had: a missing server fails a test. One thread at a time.

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace pganalytics::test_support {

class TestRedis {
  public:
    TestRedis();
    ~TestRedis();
    TestRedis(const TestRedis&) = delete;
    TestRedis& operator=(const TestRedis&) = delete;

    [[nodiscard]] std::string url() const;
    /// SIGKILL, and the socket gone. `start` after it begins with nothing.
    void kill();
    void start();
    /// SIGSTOP: connections are still taken, and nothing is answered.
    void freeze();
    void thaw();
    /// Every value becomes `value`; gives how many there were.
    int overwrite_all(const std::string& value);

  private:
    [[nodiscard]] bool answers() const;

    std::filesystem::path folder_;
    pid_t pid_ = -1;
};

}  // namespace pganalytics::test_support
