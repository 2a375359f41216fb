#include "workflow/target_planners.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/server_planner.hpp"

namespace pganalytics::workflow {

namespace {

constexpr std::size_t most_connections = 2;
constexpr std::chrono::seconds patience{2};
constexpr std::chrono::seconds avoided_for{10};

postgres::ConnectOptions connect_options() {
    postgres::ConnectOptions options;
    options.connect_timeout = std::chrono::milliseconds(3000);
    options.round_trip_timeout = std::chrono::milliseconds(6000);
    options.statement_timeout = std::chrono::milliseconds(5000);
    return options;
}

}  // namespace

struct TargetPlanners::Slot {
    Slot(std::string name, postgres::Connection opened)
        : database_name(std::move(name)), connection(std::move(opened)), planner(connection) {}
    std::string database_name;
    postgres::Connection connection;
    postgres::ServerPlanner planner;  // after the connection that it uses
};

TargetPlanners::TargetPlanners(store::TargetStore targets, const base::Clock& clock)
    : targets_(std::move(targets)), clock_(clock) {}

TargetPlanners::~TargetPlanners() = default;

base::Result<plan::PlannedStatement> TargetPlanners::plan(base::TargetId target, const std::string& database_name,
                                                          std::string_view statement, const plan::WhatIf& what_if) {
    PGANALYTICS_ASSIGN(auto slot, take(target, database_name));
    auto planned = slot->planner.plan(statement, what_if);
    // A connection that died while it lay idle says nothing about the server.
    if (!planned && !slot->connection.healthy()) {
        give_back(target, std::move(slot));
        PGANALYTICS_ASSIGN(slot, take(target, database_name));
        planned = slot->planner.plan(statement, what_if);
    }
    give_back(target, std::move(slot));
    return planned;
}

base::Result<std::unique_ptr<TargetPlanners::Slot>> TargetPlanners::take(base::TargetId target,
                                                                         const std::string& database_name) {
    std::unique_lock lock(mutex_);
    Server& server = servers_[target];
    const auto ready = [&] { return !server.idle.empty() || server.open < most_connections; };
    if (!freed_.wait_for(lock, patience, ready)) {
        return base::Error{base::ErrorCode::retry_later,
                           "The target is planning for others, and no connection to it became free",
                           "Ask again in a moment.",
                           {}};
    }
    if (clock_.monotonic() < server.avoided_until && server.failure) return *server.failure;
    const auto own = std::find_if(server.idle.begin(), server.idle.end(),
                                  [&](const auto& slot) { return slot->database_name == database_name; });
    if (own != server.idle.end()) {
        auto slot = std::move(*own);
        server.idle.erase(own);
        return slot;
    }
    std::unique_ptr<Slot> replaced;  // closed outside the lock
    if (server.open < most_connections) {
        ++server.open;
    } else {
        replaced = std::move(server.idle.front());
        server.idle.erase(server.idle.begin());
    }
    lock.unlock();
    replaced.reset();
    auto opened = open(target, database_name);
    lock.lock();
    if (!opened) {
        --server.open;
        if (opened.error().code == base::ErrorCode::connect_failed) {
            server.avoided_until = clock_.monotonic() + avoided_for;
            server.failure = opened.error();
        }
        freed_.notify_all();
        return std::move(opened).error();
    }
    server.failure.reset();
    return opened;
}

base::Result<std::unique_ptr<TargetPlanners::Slot>> TargetPlanners::open(base::TargetId target,
                                                                         const std::string& database_name) {
    PGANALYTICS_ASSIGN(const auto conninfo, targets_.conninfo(target));
    PGANALYTICS_ASSIGN(const auto of_database, postgres::with_database(conninfo, database_name));
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(of_database, connect_options()));
    return std::make_unique<Slot>(database_name, std::move(connection));
}

void TargetPlanners::give_back(base::TargetId target, std::unique_ptr<Slot> slot) {
    const std::lock_guard lock(mutex_);
    Server& server = servers_[target];
    if (slot->connection.healthy()) {
        server.idle.push_back(std::move(slot));
    } else {
        --server.open;
    }
    freed_.notify_all();
}

}  // namespace pganalytics::workflow
