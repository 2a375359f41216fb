#include "postgres/pool.hpp"

#include <condition_variable>
#include <list>
#include <mutex>

namespace pganalytics::postgres {

using base::Error;
using base::ErrorCode;

struct Pool::Lease::State {
    struct Idle {
        std::string database;
        Connection connection;
    };
    base::Secret conninfo;
    ConnectOptions options;
    std::size_t cap = default_cap;

    std::mutex mutex;
    std::condition_variable changed;
    std::list<Idle> idle;    ///< the one given back last stands first
    std::size_t places = 0;  ///< in use, idle, or being opened
};

Pool::Pool(base::Secret conninfo, ConnectOptions options, std::size_t cap) : state_(std::make_shared<Lease::State>()) {
    state_->conninfo = std::move(conninfo);
    state_->options = std::move(options);
    state_->cap = cap > 0 ? cap : 1;
}

base::Result<Pool::Lease> Pool::acquire(std::string_view database, std::chrono::milliseconds patience) {
    auto& state = *state_;
    // Closed only once the lock is gone: closing talks to the network.
    std::list<Lease::State::Idle> evicted;
    {
        std::unique_lock lock(state.mutex);
        const auto deadline = base::Deadline::after(patience);
        for (;;) {
            for (auto it = state.idle.begin(); it != state.idle.end(); ++it) {
                if (it->database != database) continue;
                Lease lease(state_, std::string(database), std::move(it->connection));
                state.idle.erase(it);
                return lease;
            }
            if (state.places < state.cap) {
                ++state.places;
                break;
            }
            if (!state.idle.empty()) {
                evicted.splice(evicted.begin(), state.idle, std::prev(state.idle.end()));
                break;  // its place is ours
            }
            if (deadline.passed()) {
                return Error{ErrorCode::retry_later,
                             "All " + std::to_string(state.cap) + " connections to the server are in use",
                             "Try again in a moment", ""};
            }
            state.changed.wait_for(lock, deadline.left() + std::chrono::milliseconds(1));
        }
    }
    evicted.clear();
    auto opened = [&]() -> base::Result<Connection> {
        if (database.empty()) return Connection::open(state.conninfo, state.options);
        PGANALYTICS_ASSIGN(const auto conninfo, with_database(state.conninfo, database));
        return Connection::open(conninfo, state.options);
    }();
    if (!opened) {
        const std::lock_guard lock(state.mutex);
        --state.places;
        state.changed.notify_one();
        return std::move(opened).error();
    }
    return Lease(state_, std::string(database), std::move(opened).value());
}

std::size_t Pool::open_connections() const {
    const std::lock_guard lock(state_->mutex);
    return state_->places;
}

void Pool::close_idle() {
    std::list<Lease::State::Idle> closed;
    const std::lock_guard lock(state_->mutex);
    closed.swap(state_->idle);
    state_->places -= closed.size();
    state_->changed.notify_all();
}

Pool::Lease::Lease(std::shared_ptr<State> state, std::string database, Connection connection)
    : state_(std::move(state)), database_(std::move(database)), connection_(std::move(connection)) {}

Pool::Lease::Lease(Lease&& other) noexcept
    : state_(std::move(other.state_)),
      database_(std::move(other.database_)),
      connection_(std::exchange(other.connection_, std::nullopt)) {}

Pool::Lease::~Lease() {
    if (state_ == nullptr || !connection_) return;
    const bool reusable = connection_->healthy() && !connection_->in_transaction();
    // Where it is not, it is closed before its place becomes free, so that the cap holds on the server too.
    if (!reusable) connection_.reset();
    const std::lock_guard lock(state_->mutex);
    if (reusable) {
        state_->idle.push_front({std::move(database_), std::move(*connection_)});
    } else {
        --state_->places;
    }
    state_->changed.notify_one();
}

}  // namespace pganalytics::postgres
