#include "net/handler_pool.hpp"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace pganalytics::net {

namespace asio = boost::asio;

HandlerPool::HandlerPool(ServerState& state, HttpServer::Handler handler)
    : state_(state), handler_(std::move(handler)), workers_(std::max<std::size_t>(1, state.options.workers)) {}

asio::awaitable<Response> HandlerPool::answer(const Request& request) {
    if (state_.cut_off) co_return state_.refusal(503, "The server is stopping.");
    const auto ahead = state_.running.fetch_add(1);
    if (ahead >= state_.options.workers + state_.options.max_waiting_requests) {
        --state_.running;
        ++state_.refused;
        Response response = state_.refusal(503, "More requests are waiting than the server takes on.");
        response.headers.set("Retry-After", "1");
        co_return response;
    }
    const Request* asked = &request;
    auto initiate = [this, asked](auto done) {
        asio::post(workers_, [this, asked, done = std::move(done)]() mutable {
            Response response = call_handler(*asked);
            --state_.running;
            auto back = asio::get_associated_executor(done);
            asio::post(back, [done = std::move(done), response = std::move(response)]() mutable {
                std::move(done)(std::move(response));
            });
        });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Response)>(initiate,
                                                                                           asio::use_awaitable);
}

Response HandlerPool::call_handler(const Request& request) const {
    if (state_.cut_off) return state_.refusal(503, "The server is stopping.");
    try {
        return handler_(request);
    } catch (const std::exception& exception) {
        state_.log.error("http_handler_failed", {{"method", request.method}, {"error", exception.what()}});
        return state_.refusal(500, "The server failed at this request; its log has the reason.");
    }
}

void HandlerPool::join() {
    workers_.join();
}

}  // namespace pganalytics::net
