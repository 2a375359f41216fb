// How many small JSON answers a second go through the server on loopback: 64 kept-alive connections, each with one
// request under way, driven by one thread with poll so that the load takes as little of the machine as it can.
// Beside it one connection alone, for the latency of a round trip.

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"

namespace {

using namespace pganalytics;

constexpr std::string_view request = "GET /hello HTTP/1.1\r\nHost: bench\r\n\r\n";

net::Response hello(const net::Request&) {
    net::Response response;
    response.headers.set("Content-Type", "application/json");
    response.body = "{\"hello\":\"world\"}\n";
    return response;
}

int connect_to(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("no connection to the server");
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
}

void ask(int socket) {
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
        throw std::runtime_error("the server has gone");
    }
}

/// One iteration is one answer: whoever is answered asks again.
void hello_json(benchmark::State& state) {
    auto server = net::HttpServer::start({}, hello, {});
    if (!server) throw std::runtime_error(server.error().to_string());
    const int poller = ::epoll_create1(0);
    std::vector<int> sockets;
    for (int i = 0; i < state.range(0); ++i) {
        const int socket = sockets.emplace_back(connect_to((*server)->port()));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = socket;
        ::epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
        ask(socket);
    }
    std::array<epoll_event, 64> ready{};
    std::array<char, 4096> answer{};
    int left = 0;
    for (auto _ : state) {
        while (left == 0) left = ::epoll_wait(poller, ready.data(), static_cast<int>(ready.size()), -1);
        const int socket = ready[static_cast<std::size_t>(--left)].data.fd;
        // An answer is far smaller than a segment: one read takes it whole.
        if (::recv(socket, answer.data(), answer.size(), 0) <= 0) throw std::runtime_error("the server has gone");
        ask(socket);
    }
    for (const int socket : sockets) ::close(socket);
    ::close(poller);
    state.SetItemsProcessed(state.iterations());
}

}  // namespace

BENCHMARK(hello_json)->Arg(1)->Arg(64)->UseRealTime()->MinTime(2);

BENCHMARK_MAIN();
