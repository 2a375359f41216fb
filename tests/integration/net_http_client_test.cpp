// The HTTP client against real servers: slow, dead, wrong, and over TLS.

#include "net/http_client.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/http_server.hpp"
#include "net_raw_connection.hpp"

namespace pganalytics::net {
namespace {

using namespace std::chrono_literals;
using base::Deadline;
using base::ErrorCode;

const base::SystemClock system_clock;

std::unique_ptr<HttpServer> started(HttpServer::Handler handler, ServerOptions options = {}) {
    auto server = HttpServer::start(std::move(options), std::move(handler), {});
    EXPECT_TRUE(server) << (server ? "" : server.error().to_string());
    return std::move(server).value();
}

std::unique_ptr<HttpClient> client_for(const std::string& url, ClientOptions options = {}) {
    options.base_url = url;
    auto client = HttpClient::create(std::move(options), system_clock);
    EXPECT_TRUE(client) << (client ? "" : client.error().to_string());
    return std::move(client).value();
}

/// Accepts connections in the kernel's queue, and never answers.
class SilentListener {
  public:
    SilentListener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(socket_, 16), 0);
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
    }
    ~SilentListener() { ::close(socket_); }
    SilentListener(const SilentListener&) = delete;
    SilentListener& operator=(const SilentListener&) = delete;
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    /// Takes one connection, sends `bytes` and closes.
    void answer_once(std::string_view bytes) const {
        const int peer = ::accept(socket_, nullptr, nullptr);
        char request[4096];
        EXPECT_GT(::recv(peer, request, sizeof request, 0), 0);
        EXPECT_EQ(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
        ::close(peer);
    }

  private:
    int socket_;
    std::uint16_t port_ = 0;
};

TEST(HttpClient, SendsAndReceives) {
    const auto server = started([](const Request& request) {
        Response response;
        response.status = 201;
        response.headers.set("X-Token", std::string(request.headers.find("authorization").value_or("none")));
        response.body = request.method + " " + request.target + " " + request.body;
        return response;
    });
    const auto client = client_for(server->url() + "/prefix/");
    Request request{.method = "POST", .target = "/path?q=1", .headers = {}, .body = "body"};
    request.headers.set("Authorization", "Bearer t");
    const auto response = client->send(request, Deadline::after(5s));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->body, "POST /prefix/path?q=1 body");
    EXPECT_EQ(response->headers.find("x-token"), "Bearer t");
}

TEST(HttpClient, ReadsTheHeadAlone) {
    const auto server = started([](const Request&) { return Response{.status = 200, .headers = {}, .body = "12345"}; });
    const auto client = client_for(server->url());
    const auto response = client->send({.method = "HEAD", .target = "/"}, Deadline::after(5s));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->headers.find("Content-Length"), "5");
    EXPECT_EQ(response->body, "");
}

TEST(HttpClient, RepeatsUntilTheServiceRecovers) {
    std::atomic<int> calls{0};
    const auto server = started([&](const Request&) { return Response{.status = ++calls < 3 ? 503 : 200}; });
    const auto client = client_for(server->url());
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(10s));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(calls, 3);
}

TEST(HttpClient, GivesTheLastAnswerWhenItDoesNot) {
    std::atomic<int> calls{0};
    const auto server = started([&](const Request&) { return ++calls, Response{.status = 502}; });
    const auto client = client_for(server->url());
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(10s));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 502);
    EXPECT_EQ(calls, 3);
}

TEST(HttpClient, RepeatsPostsOnlyWhenAllowed) {
    std::atomic<int> calls{0};
    const auto server = started([&](const Request&) { return ++calls, Response{.status = 503}; });
    const auto client = client_for(server->url());
    const Request post{.method = "POST", .target = "/", .headers = {}, .body = "x"};
    EXPECT_EQ(client->send(post, Deadline::after(5s))->status, 503);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(client->send(post, Deadline::after(5s), true)->status, 503);
    EXPECT_EQ(calls, 4);
}

TEST(HttpClient, DoesNotRepeatWhatTheServiceUnderstood) {
    std::atomic<int> calls{0};
    const auto server = started([&](const Request&) { return ++calls, Response{.status = 404}; });
    const auto client = client_for(server->url());
    EXPECT_EQ(client->send({.method = "GET", .target = "/"}, Deadline::after(5s))->status, 404);
    EXPECT_EQ(calls, 1);
}

TEST(HttpClient, KeepsTheDeadlineWithASilentService) {
    const SilentListener silent;
    const auto client = client_for(silent.url());
    const auto begin = std::chrono::steady_clock::now();
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(300ms));
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::retry_later);
    EXPECT_GE(took, 290ms);
    EXPECT_LT(took, 1s);
}

TEST(HttpClient, WaitsAsLongAsRetryAfterSaysOrGivesUp) {
    std::atomic<int> calls{0};
    const auto server = started([&](const Request&) {
        Response response{.status = 503};
        response.headers.set("Retry-After", "60");
        ++calls;
        return response;
    });
    const auto client = client_for(server->url());
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(client->send({.method = "GET", .target = "/"}, Deadline::after(5s))->status, 503);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    EXPECT_EQ(calls, 1);
}

TEST(HttpClient, OpensTheCircuitAndClosesItAgain) {
    std::uint16_t port = 0;
    {
        const auto gone = started([](const Request&) { return Response{}; });
        port = gone->port();
    }
    base::ManualClock clock{base::Timestamp{}};
    auto created = HttpClient::create(
        {.base_url = "http://127.0.0.1:" + std::to_string(port), .retry = {.attempts = 1}, .circuit = {2, 1'000ms}},
        clock);
    ASSERT_TRUE(created);
    const auto& client = *created;
    const Request request{.method = "GET", .target = "/"};
    for (int i = 0; i < 2; ++i) {
        const auto response = client->send(request, Deadline::after(2s));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().code, ErrorCode::retry_later);
    }
    EXPECT_EQ(client->circuit_state(), CircuitState::open);

    std::atomic<int> calls{0};
    const auto back = started([&](const Request&) { return ++calls, Response{}; }, {.port = port});
    const auto spared = client->send(request, Deadline::after(2s));
    ASSERT_FALSE(spared);
    EXPECT_NE(spared.error().message.find("not being asked"), std::string::npos);
    EXPECT_EQ(calls, 0);

    clock.advance(1'000ms);
    EXPECT_TRUE(client->send(request, Deadline::after(2s)));
    EXPECT_EQ(client->circuit_state(), CircuitState::closed);
}

TEST(HttpClient, SaysWhenTheAnswerIsNotHttp) {
    const SilentListener listener;
    const auto client = client_for(listener.url());
    std::thread service([&] { listener.answer_once("SSH-2.0-OpenSSH_9.2\r\n\r\n"); });
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    service.join();
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::unsupported);
}

TEST(HttpClient, RefusesAnswersBeyondItsLimit) {
    const auto server = started([](const Request&) { return Response{.body = std::string(10'000, 'x')}; });
    const auto client = client_for(server->url(), {.body_limit = 1000});
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::unsupported);
}

TEST(HttpClient, TellsANameThatDoesNotResolve) {
    const auto client = client_for("http://no-such-host.invalid:80");
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(2s));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::retry_later);
}

TEST(HttpClient, ServesManyThreads) {
    const auto server = started([](const Request& request) { return Response{.body = request.target}; });
    const auto client = client_for(server->url());
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                const auto target = "/" + std::to_string(t) + "/" + std::to_string(i);
                const auto response = client->send({.method = "GET", .target = target}, Deadline::after(10s));
                if (response && response->body == target) ++right;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 160);
}

/// Two self-signed certificates for localhost, made anew for each run.
class Tls : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "pganalytics-tls-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        make_certificate("one");
        make_certificate("two");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void make_certificate(const std::string& name) const {
        const auto command =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
            " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
            key(name) + " -out " + certificate(name) + " 2>/dev/null";
        ASSERT_EQ(std::system(command.c_str()), 0);
    }
    [[nodiscard]] std::string certificate(const std::string& name) const { return folder_ + "/" + name + ".crt"; }
    [[nodiscard]] std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }
    [[nodiscard]] ServerOptions with(const std::string& name) const {
        ServerOptions options;
        options.tls = TlsFiles{certificate(name), key(name)};
        return options;
    }

    std::string folder_;
    HttpServer::Handler tell_encryption_ = [](const Request& request) {
        return Response{.body = request.encrypted ? "encrypted" : "plain"};
    };
};

TEST_F(Tls, ServesClientsThatTrustTheCertificate) {
    const auto server = started(tell_encryption_, with("one"));
    EXPECT_TRUE(server->url().starts_with("https://"));
    const auto client =
        client_for("https://localhost:" + std::to_string(server->port()), {.trusted_certificates = certificate("one")});
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    ASSERT_TRUE(response) << response.error().to_string();
    EXPECT_EQ(response->body, "encrypted");
    const auto by_address = client_for(server->url(), {.trusted_certificates = certificate("one")});
    EXPECT_TRUE(by_address->send({.method = "GET", .target = "/"}, Deadline::after(5s)));
}

TEST_F(Tls, RefusesACertificateThatIsNotTrusted) {
    const auto server = started(tell_encryption_, with("one"));
    for (const auto& trusted : {std::string(), certificate("two")}) {
        const auto client = client_for(server->url(), {.trusted_certificates = trusted});
        const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().code, ErrorCode::not_allowed) << response.error().to_string();
    }
}

TEST_F(Tls, RefusesACertificateMadeForAnotherName) {
    const auto server = started(tell_encryption_, [&] {
        auto options = with("one");
        options.address = "127.0.0.2";
        return options;
    }());
    const auto client = client_for(server->url(), {.trusted_certificates = certificate("one")});
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::not_allowed) << response.error().to_string();
}

TEST_F(Tls, TellsPlainFromEncrypted) {
    const auto plain = started(tell_encryption_);
    const auto client =
        client_for("https://127.0.0.1:" + std::to_string(plain->port()), {.trusted_certificates = certificate("one")});
    const auto response = client->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::unsupported) << response.error().to_string();

    const auto encrypted = started(tell_encryption_, with("one"));
    test::RawConnection raw(encrypted->port());
    raw.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_TRUE(raw.closed_within(5s));
}

TEST_F(Tls, TakesANewCertificateWithoutRestart) {
    const auto server = started(tell_encryption_, with("one"));
    const auto expects_two = client_for(server->url(), {.trusted_certificates = certificate("two")});
    ASSERT_FALSE(expects_two->send({.method = "GET", .target = "/"}, Deadline::after(5s)));
    std::filesystem::copy_file(certificate("two"), certificate("one"),
                               std::filesystem::copy_options::overwrite_existing);
    const auto mismatch = server->reload_tls();
    ASSERT_FALSE(mismatch);
    EXPECT_NE(mismatch.error().message.find("mismatch"), std::string::npos) << mismatch.error().to_string();
    std::filesystem::copy_file(key("two"), key("one"), std::filesystem::copy_options::overwrite_existing);
    ASSERT_TRUE(server->reload_tls());
    const auto response = expects_two->send({.method = "GET", .target = "/"}, Deadline::after(5s));
    EXPECT_TRUE(response) << response.error().to_string();
}

TEST_F(Tls, SaysWhichFileCannotBeUsed) {
    auto options = with("one");
    options.tls->certificate_chain = folder_ + "/absent.crt";
    const auto absent = HttpServer::start(options, tell_encryption_, {});
    ASSERT_FALSE(absent);
    EXPECT_NE(absent.error().message.find("absent.crt"), std::string::npos);

    options = with("one");
    options.tls->private_key = key("two");
    EXPECT_FALSE(HttpServer::start(options, tell_encryption_, {}));

    // Another kind of key takes another slot of OpenSSL's, so that it notices the mismatch only when asked.
    ASSERT_EQ(std::system(("openssl genrsa -out " + key("rsa") + " 2048 2>/dev/null").c_str()), 0);
    options.tls->private_key = key("rsa");
    const auto foreign = HttpServer::start(options, tell_encryption_, {});
    ASSERT_FALSE(foreign);
    EXPECT_NE(foreign.error().message.find("does not belong"), std::string::npos) << foreign.error().to_string();

    const auto encrypted_key =
        "openssl ec -aes128 -passout pass:secret -in " + key("one") + " -out " + key("three") + " 2>/dev/null";
    ASSERT_EQ(std::system(encrypted_key.c_str()), 0);
    options = with("one");
    options.tls->private_key = key("three");
    EXPECT_FALSE(HttpServer::start(options, tell_encryption_, {}));
}

TEST_F(Tls, StopsWithOpenConnections) {
    const auto server = started(tell_encryption_, with("one"));
    test::RawConnection never_shakes_hands(server->port());
    while (server->counters().connections < 1) std::this_thread::sleep_for(1ms);
    const auto begin = std::chrono::steady_clock::now();
    server->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

}  // namespace
}  // namespace pganalytics::net
