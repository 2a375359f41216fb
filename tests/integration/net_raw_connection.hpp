#pragma once
// A TCP connection that a test drives byte by byte: what well-behaved clients never do.
// Errors fail the test at hand; reads end after 5 s, so that a test cannot hang.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace pganalytics::test {

class RawConnection {
  public:
    explicit RawConnection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    RawConnection(RawConnection&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_) {}
    RawConnection& operator=(RawConnection&&) = delete;
    ~RawConnection() { close(); }

    [[nodiscard]] bool connected() const { return connected_; }

    void close() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }

    /// Ends with a reset instead of an orderly close.
    void reset() {
        const linger hard{1, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }

    /// False where the other side has gone.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }

    /// One answer: head and as much body as Content-Length says. "" where the connection ends first.
    std::string read_answer(bool has_body = true) {
        while (buffered_.find("\r\n\r\n") == std::string::npos) {
            if (!receive()) return {};
        }
        const auto head = buffered_.find("\r\n\r\n") + 4;
        std::size_t length = 0;
        if (const auto at = buffered_.find("Content-Length: "); has_body && at < head) {
            length = std::stoul(buffered_.substr(at + 16));
        }
        while (buffered_.size() < head + length) {
            if (!receive()) return {};
        }
        std::string answer = buffered_.substr(0, head + length);
        buffered_.erase(0, head + length);
        return answer;
    }

    /// Everything until the other side closes, or `at_most` has passed.
    std::string read_to_end(std::chrono::milliseconds at_most = std::chrono::seconds(5)) {
        const auto ends = std::chrono::steady_clock::now() + at_most;
        while (std::chrono::steady_clock::now() < ends && receive(at_most)) {
        }
        return std::exchange(buffered_, {});
    }

    /// True once the other side has closed or reset the connection.
    [[nodiscard]] bool closed_within(std::chrono::milliseconds at_most) {
        const auto ends = std::chrono::steady_clock::now() + at_most;
        while (std::chrono::steady_clock::now() < ends) {
            pollfd waiting{socket_, POLLIN, 0};
            if (::poll(&waiting, 1, static_cast<int>(at_most.count())) <= 0) continue;
            char bytes[4096];
            if (::recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;
        }
        return false;
    }

  private:
    bool receive(std::chrono::milliseconds at_most = std::chrono::seconds(5)) {
        pollfd waiting{socket_, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(at_most.count())) <= 0) return false;
        char bytes[65536];
        const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
        if (count <= 0) return false;
        buffered_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }

    int socket_;
    bool connected_ = false;
    std::string buffered_;
};

}  // namespace pganalytics::test
