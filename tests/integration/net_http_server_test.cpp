// The HTTP server on a real socket: what clients do wrong, slowly, at once, or not at all.

#include "net/http_server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "net_raw_connection.hpp"

namespace pganalytics::net {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;

Response echo(const Request& request) {
    Response response;
    response.headers.set("Content-Type", "text/plain");
    response.body = request.method + " " + request.target + " " + request.body;
    return response;
}

std::unique_ptr<HttpServer> started(HttpServer::Handler handler = echo, ServerOptions options = {},
                                    const base::Log& log = {}) {
    auto server = HttpServer::start(std::move(options), std::move(handler), log);
    EXPECT_TRUE(server) << (server ? "" : server.error().to_string());
    return std::move(server).value();
}

std::string get(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

TEST(HttpServer, PicksAPortAndAnswers) {
    const auto server = started();
    EXPECT_NE(server->port(), 0);
    EXPECT_EQ(server->url(), "http://127.0.0.1:" + std::to_string(server->port()));
    RawConnection client(server->port());
    client.send("POST /a?b=c%20d HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /a?b=c%20d hello")) << answer;
    EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
}

TEST(HttpServer, TakesChunkedBodies) {
    const auto server = started();
    RawConnection client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    EXPECT_TRUE(client.read_answer().ends_with("POST / abcde"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
    const auto server = started([](const Request& request) {
        // The first takes longest: order must come from the connection, not from who is done first.
        std::this_thread::sleep_for(request.target == "/1" ? 50ms : 0ms);
        return echo(request);
    });
    RawConnection client(server->port());
    client.send(get("/1") + get("/2") + get("/3"));
    for (const std::string target : {"/1", "/2", "/3"}) {
        EXPECT_TRUE(client.read_answer().ends_with("GET " + target + " ")) << target;
    }
}

TEST(HttpServer, TakesRequestsByteByByte) {
    const auto server = started();
    RawConnection client(server->port());
    for (const char byte : get("/slow")) {
        ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(client.read_answer().ends_with("GET /slow "));
}

TEST(HttpServer, DoesNotWaitForeverForAHeaderThatDripsIn) {
    const auto server = started(echo, {.read_timeout = 300ms});
    RawConnection client(server->port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: t\r\n"));
    const auto begin = std::chrono::steady_clock::now();
    bool alive = true;
    // Each drop comes well within the limit: only a limit on the whole request ends this.
    while (alive && std::chrono::steady_clock::now() - begin < 5s) {
        std::this_thread::sleep_for(100ms);
        alive = client.send("X-A: b\r\n") && !client.closed_within(1ms);
    }
    EXPECT_FALSE(alive);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST(HttpServer, ClosesConnectionsThatNeverAsk) {
    const auto server = started(echo, {.read_timeout = 200ms});
    RawConnection client(server->port());
    EXPECT_TRUE(client.closed_within(3s));
}

TEST(HttpServer, ClosesIdleConnectionsAfterTheirTime) {
    const auto server = started(echo, {.idle_timeout = 200ms});
    RawConnection client(server->port());
    client.send(get("/"));
    EXPECT_FALSE(client.read_answer().empty());
    EXPECT_TRUE(client.closed_within(3s));
}

TEST(HttpServer, ServesBeside200IdleConnections) {
    const auto server = started();
    std::vector<RawConnection> idle;
    for (int i = 0; i < 200; ++i) {
        idle.emplace_back(server->port());
        ASSERT_TRUE(idle.back().connected());
        // Half have asked once, half have sent half a header.
        ASSERT_TRUE(idle.back().send(i % 2 ? get("/") : "GET / HTTP/1.1\r\nHo"));
        if (i % 2) {
            ASSERT_FALSE(idle.back().read_answer().empty());
        }
    }
    RawConnection client(server->port());
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) {
        client.send(get("/busy"));
        ASSERT_TRUE(client.read_answer().ends_with("GET /busy "));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    EXPECT_EQ(server->counters().connections, 201U);
}

TEST(HttpServer, RefusesHugeHeaders) {
    const auto server = started(echo, {.header_limit = 4096});
    RawConnection client(server->port());
    client.send("GET / HTTP/1.1\r\nHost: t\r\nX-Huge: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 431 "));
}

TEST(HttpServer, RefusesAnnouncedHugeBodiesAndSaysSoBeforeTheyAreSent) {
    const auto server = started(echo, {.body_limit = 1000});
    RawConnection client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, LetsTheSenderOfAHugeBodyReadTheRefusal) {
    const auto server = started(echo, {.body_limit = 1000});
    RawConnection client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3000000\r\n\r\n");
    const std::string part(100'000, 'x');
    for (int i = 0; i < 30; ++i) client.send(part);
    const auto answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, RefusesChunkedBodiesThatGrowTooLarge) {
    const auto server = started(echo, {.body_limit = 1000});
    RawConnection client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; ++i) client.send("64\r\n" + std::string(100, 'x') + "\r\n");
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST(HttpServer, AsksForTheBodyOfAClientThatWaits) {
    const auto server = started();
    RawConnection client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_TRUE(client.read_answer(false).starts_with("HTTP/1.1 100 "));
    client.send("ok");
    EXPECT_TRUE(client.read_answer().ends_with("POST / ok"));
}

TEST(HttpServer, RefusesWhatIsNotHttp) {
    const auto server = started();
    const std::vector<std::string> requests{
        "\x16\x03\x01\x02TLS to a plain port\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: t\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nBad Name: x\r\n\r\n",
    };
    for (const auto& request : requests) {
        RawConnection client(server->port());
        client.send(request);
        const auto answer = client.read_to_end(4s);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << request << " -> " << answer;
    }
    RawConnection client(server->port());
    client.send(get("/still"));
    EXPECT_TRUE(client.read_answer().ends_with("GET /still "));
}

TEST(HttpServer, PassesUnknownMethodsToTheHandler) {
    const auto server = started();
    RawConnection client(server->port());
    client.send("BREW /pot HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_TRUE(client.read_answer().ends_with("BREW /pot "));
}

TEST(HttpServer, SendsNoBodyForHeadAnd304) {
    const auto server = started([](const Request& request) {
        Response response = echo(request);
        if (request.target == "/unchanged") {
            response.status = 304;
            response.headers.set("ETag", "\"1\"");
        }
        return response;
    });
    RawConnection client(server->port());
    client.send("HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n" + get("/unchanged") + get("/after"));
    const auto head = client.read_answer(false);
    EXPECT_NE(head.find("Content-Length: 8\r\n"), std::string::npos) << head;
    const auto unchanged = client.read_answer(false);
    EXPECT_TRUE(unchanged.starts_with("HTTP/1.1 304 ")) << unchanged;
    EXPECT_NE(unchanged.find("ETag: \"1\""), std::string::npos);
    EXPECT_TRUE(client.read_answer().ends_with("GET /after "));
}

TEST(HttpServer, HonoursConnectionCloseAndHttp10) {
    const auto server = started();
    for (const std::string request :
         {"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"}) {
        RawConnection client(server->port());
        client.send(request);
        const auto answer = client.read_to_end();
        EXPECT_NE(answer.find(" 200 OK"), std::string::npos) << answer;
        EXPECT_TRUE(client.closed_within(2s));
    }
}

TEST(HttpServer, NeverLetsAValueBecomeAHeader) {
    const auto server = started([](const Request&) {
        Response response;
        response.headers.add("X-Echo", "a\r\nX-Injected: b");
        response.headers.add("X-Kept", "c");
        return response;
    });
    RawConnection client(server->port());
    client.send(get("/"));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.find("X-Injected"), std::string::npos);
    EXPECT_NE(answer.find("X-Kept: c"), std::string::npos);
}

TEST(HttpServer, TurnsAnExceptionInto500AndGoesOn) {
    auto lines = std::make_shared<std::vector<std::string>>();
    const base::Log log(base::LogLevel::info, base::LogFormat::logfmt, lines);
    const auto server = started(
        [](const Request& request) -> Response {
            if (request.target == "/bad") throw std::runtime_error("secret cause");
            return echo(request);
        },
        {}, log);
    RawConnection client(server->port());
    client.send(get("/bad") + get("/good"));
    const auto answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 "));
    EXPECT_EQ(answer.find("secret cause"), std::string::npos);
    EXPECT_TRUE(client.read_answer().ends_with("GET /good "));
    server->stop();
    ASSERT_EQ(lines->size(), 1U);
    EXPECT_NE(lines->front().find("secret cause"), std::string::npos);
}

TEST(HttpServer, SurvivesClientsThatVanishMidResponse) {
    const std::string large(8 * 1024 * 1024, 'x');
    const auto server = started([&](const Request&) {
        Response response;
        response.body = large;
        return response;
    });
    for (int i = 0; i < 20; ++i) {
        RawConnection client(server->port());
        client.send(get("/large") + get("/large"));
        if (i % 2) std::this_thread::sleep_for(5ms);
        client.reset();
    }
    RawConnection client(server->port());
    client.send(get("/"));
    EXPECT_EQ(client.read_answer().size() > large.size(), true);
    client.close();
    const auto begin = std::chrono::steady_clock::now();
    while (server->counters().connections > 0 && std::chrono::steady_clock::now() - begin < 5s) {
        std::this_thread::sleep_for(5ms);
    }
    EXPECT_EQ(server->counters().connections, 0U);
}

TEST(HttpServer, GivesUpOnClientsThatDoNotRead) {
    const auto server = started(
        [](const Request&) {
            Response response;
            response.body = std::string(64 * 1024 * 1024, 'x');
            return response;
        },
        {.write_timeout = 300ms});
    RawConnection client(server->port());
    client.send(get("/large"));
    const auto begin = std::chrono::steady_clock::now();
    while (server->counters().accepted_total == 0 || server->counters().connections > 0) {
        ASSERT_LT(std::chrono::steady_clock::now() - begin, 5s);
        std::this_thread::sleep_for(5ms);
    }
}

TEST(HttpServer, RefusesMoreThanItCanQueue) {
    std::atomic<bool> go{false};
    const auto server = started(
        [&](const Request& request) {
            while (!go) std::this_thread::sleep_for(1ms);
            return echo(request);
        },
        {.workers = 1, .max_waiting_requests = 2});
    std::vector<RawConnection> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.emplace_back(server->port());
        waiting.back().send(get("/waiting"));
    }
    while (server->counters().running_requests < 3) std::this_thread::sleep_for(1ms);
    RawConnection client(server->port());
    client.send(get("/one-too-many"));
    const auto answer = client.read_answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
    go = true;
    for (auto& each : waiting) EXPECT_TRUE(each.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST(HttpServer, MakesRoomForNewcomersByClosingTheLongestIdle) {
    const auto server = started(echo, {.max_connections = 3});
    std::vector<RawConnection> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(server->port());
        clients.back().send(get("/"));
        ASSERT_FALSE(clients.back().read_answer().empty()) << i;
    }
    EXPECT_TRUE(clients.front().closed_within(2s));
    EXPECT_EQ(server->counters().evicted_total, 1U);
}

TEST(HttpServer, RefusesNewcomersWhenAllConnectionsAreBusy) {
    std::atomic<bool> go{false};
    const auto server = started(
        [&](const Request& request) {
            while (!go) std::this_thread::sleep_for(1ms);
            return echo(request);
        },
        {.max_connections = 1});
    RawConnection busy(server->port());
    busy.send(get("/"));
    while (server->counters().running_requests < 1) std::this_thread::sleep_for(1ms);
    RawConnection newcomer(server->port());
    EXPECT_TRUE(newcomer.read_answer().starts_with("HTTP/1.1 503 "));
    go = true;
    EXPECT_FALSE(busy.read_answer().empty());
}

TEST(HttpServer, SaysWhyItCannotListen) {
    const auto first = started();
    const auto taken = HttpServer::start({.port = first->port()}, echo, {});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, base::ErrorCode::conflict);
    EXPECT_NE(taken.error().message.find(std::to_string(first->port())), std::string::npos);
    EXPECT_NE(taken.error().hint.find("ss -ltnp"), std::string::npos);

    const auto no_address = HttpServer::start({.address = "not an address"}, echo, {});
    ASSERT_FALSE(no_address);
    EXPECT_EQ(no_address.error().code, base::ErrorCode::fix_input);

    const auto foreign = HttpServer::start({.address = "192.0.2.1"}, echo, {});
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, base::ErrorCode::fix_input);
    EXPECT_NE(foreign.error().message.find("192.0.2.1"), std::string::npos);
}

TEST(HttpServer, ListensOnIpv6) {
    const auto server = HttpServer::start({.address = "::1"}, echo, {});
    ASSERT_TRUE(server) << server.error().to_string();
    EXPECT_EQ((*server)->url(), "http://[::1]:" + std::to_string((*server)->port()));
    const auto both = HttpServer::start({.address = "::"}, echo, {});
    ASSERT_TRUE(both) << both.error().to_string();
    RawConnection over_ipv4((*both)->port());
    over_ipv4.send(get("/"));
    EXPECT_TRUE(over_ipv4.read_answer().ends_with("GET / "));
}

TEST(HttpServer, FinishesRequestsInProgressWhenStopped) {
    std::latch entered(4);
    const auto server = started([&](const Request& request) {
        entered.count_down();
        std::this_thread::sleep_for(200ms);
        return echo(request);
    });
    std::vector<RawConnection> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(server->port());
        clients.back().send(get("/in-progress"));
    }
    RawConnection idle(server->port());
    entered.wait();
    std::thread stopper([&] { server->stop(); });
    for (auto& client : clients) {
        const auto answer = client.read_answer();
        EXPECT_TRUE(answer.ends_with("GET /in-progress "));
        EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    }
    stopper.join();
    EXPECT_TRUE(idle.closed_within(1s));
    EXPECT_FALSE(RawConnection(server->port()).connected());
}

TEST(HttpServer, CutsWhatDoesNotEndWithinTheDrainTime) {
    const auto server = started(echo, {.read_timeout = 60s, .drain_timeout = 200ms});
    RawConnection half(server->port());
    half.send("GET / HTTP/1.1\r\n");
    while (server->counters().connections < 1) std::this_thread::sleep_for(1ms);
    const auto begin = std::chrono::steady_clock::now();
    server->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
    EXPECT_TRUE(half.closed_within(1s));
}

TEST(HttpServer, StopsUnderLoadWithoutLosingAnAnswerItBegan) {
    std::atomic<int> handled{0};
    std::atomic<int> answered{0};
    std::atomic<bool> go_on{true};
    const auto server = started([&](const Request& request) {
        ++handled;
        return echo(request);
    });
    std::vector<std::thread> load;
    for (int i = 0; i < 8; ++i) {
        load.emplace_back([&] {
            while (go_on) {
                RawConnection client(server->port());
                for (int n = 0; n < 20 && client.send(get("/load")); ++n) {
                    if (client.read_answer().empty()) break;
                    ++answered;
                }
            }
        });
    }
    while (handled < 500) std::this_thread::sleep_for(1ms);
    server->stop();
    go_on = false;
    for (auto& thread : load) thread.join();
    EXPECT_EQ(handled.load(), answered.load());
    EXPECT_EQ(server->counters().connections, 0U);
}

TEST(HttpServer, StopsAndStartsManyTimes) {
    for (int i = 0; i < 30; ++i) {
        const auto server = started();
        std::vector<RawConnection> clients;
        for (int n = 0; n < 4; ++n) {
            clients.emplace_back(server->port());
            clients.back().send(get("/"));
        }
        server->stop();
        server->stop();
    }
}

}  // namespace
}  // namespace pganalytics::net
