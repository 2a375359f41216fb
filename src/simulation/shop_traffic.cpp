#include "simulation/shop_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

#include "postgres/connection.hpp"
#include "simulation/shop_names.hpp"
#include "simulation/shop_values.hpp"
#include "simulation/shop_workload.hpp"

namespace pganalytics::simulation {

namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_pause{200};
constexpr milliseconds longest_pause{3000};
/// What fell due while the target was away or slow is not made up for beyond this.
constexpr std::chrono::seconds most_arrears{2};

/// Share of the full load at an hour of the day (UTC): a working day with a slow start and a quiet night.
double office_share(std::time_t now) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    double share = 0.5;
    if (utc.tm_hour >= 9 && utc.tm_hour < 17)
        share = 1.0;
    else if (utc.tm_hour >= 7 && utc.tm_hour < 20)
        share = 0.8;
    const bool weekend = utc.tm_wday == 0 || utc.tm_wday == 6;
    return weekend ? share * 0.85 : share;
}

SteadyClock::time_point next_occurrence(MinuteOfDay minute) {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    const int now_second = (utc.tm_hour * 60 + utc.tm_min) * 60 + utc.tm_sec;
    int wait = (minute.hour * 60 + minute.minute) * 60 - now_second;
    if (wait <= 0) wait += 86400;
    return SteadyClock::now() + std::chrono::seconds(wait);
}

postgres::Parameters as_parameters(const std::vector<std::string>& values) {
    return postgres::Parameters(values.begin(), values.end());
}

}  // namespace

struct ShopTraffic::Impl {
    base::Secret conninfo;
    ShopTruth truth;
    TrafficOptions options;
    base::Log log;

    std::optional<ShopNames> names;
    std::vector<StatementPlan> plans;

    std::mutex mutex;  ///< guards everything below
    std::condition_variable wake;
    bool stopping = false;
    std::vector<SteadyClock::time_point> due;  ///< of each plan; time_point::max() where it is not started by the clock
    TrafficCounts counts;
    std::vector<std::thread> threads;

    base::Status load();
    void schedule_all();
    std::optional<std::size_t> next_plan(ShopValues& values);
    SteadyClock::duration interval(const StatementPlan& plan, ShopValues& values) const;
    bool pause(milliseconds span);
    void work(int number);
    void note(const StatementPlan& plan, const base::Error* error);
    base::Result<postgres::Connection> connect() const;
    base::Result<postgres::Rows> send(postgres::Connection& connection, const StatementPlan& plan, ShopValues& values,
                                      const std::string* followed);
    bool perform(postgres::Connection& connection, const StatementPlan& plan, ShopValues& values);
};

base::Status ShopTraffic::Impl::load() {
    if (names) return {};
    PGANALYTICS_ASSIGN(auto made, ShopNames::make(truth.seed, truth.scale));
    PGANALYTICS_ASSIGN(plans, shop_workload(made));
    names = std::move(made);
    return {};
}

SteadyClock::duration ShopTraffic::Impl::interval(const StatementPlan& plan, ShopValues& values) const {
    const double share = options.office_hours ? office_share(std::time(nullptr)) : 1.0;
    const double mean = 1.0 / (plan.rate * options.pace * share);
    return std::chrono::duration_cast<SteadyClock::duration>(
        std::chrono::duration<double>(mean * (0.5 + values.share())));
}

/// First calls are spread over the first second, so that every statement is seen early.
void ShopTraffic::Impl::schedule_all() {
    ShopValues values(*names, options.seed);
    due.assign(plans.size(), SteadyClock::time_point::max());
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (plans[i].rate > 0) due[i] = SteadyClock::now() + milliseconds(values.between(0, 1000));
        if (plans[i].when && options.office_hours) due[i] = next_occurrence(*plans[i].when);
    }
}

/// Waits for the statement that is due first and takes it; nullopt when told to stop.
std::optional<std::size_t> ShopTraffic::Impl::next_plan(ShopValues& values) {
    std::unique_lock lock(mutex);
    while (!stopping) {
        const auto first = std::min_element(due.begin(), due.end());
        const auto now = SteadyClock::now();
        if (*first > now) {
            wake.wait_until(lock, *first);
            continue;
        }
        const auto index = static_cast<std::size_t>(first - due.begin());
        const auto& plan = plans[index];
        due[index] =
            plan.when ? next_occurrence(*plan.when) : std::max(*first, now - most_arrears) + interval(plan, values);
        return index;
    }
    return std::nullopt;
}

bool ShopTraffic::Impl::pause(milliseconds span) {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, span, [&] { return stopping; });
    return !stopping;
}

void ShopTraffic::Impl::note(const StatementPlan& plan, const base::Error* error) {
    const std::lock_guard lock(mutex);
    ++counts.statements;
    ++counts.by_statement[plan.name];
    if (error == nullptr) return;
    ++counts.failed;
    counts.last_error = plan.name + ": " + error->to_string();
}

base::Result<postgres::Connection> ShopTraffic::Impl::connect() const {
    postgres::ConnectOptions connect_options;
    connect_options.read_only = false;
    connect_options.application_name = "shop";
    connect_options.tagged = false;
    connect_options.statement_timeout = std::chrono::seconds(30);
    connect_options.round_trip_timeout = std::chrono::seconds(40);
    return postgres::Connection::open(conninfo, connect_options);
}

/// One call with fresh values; `followed` is the value that another statement's row gave.
base::Result<postgres::Rows> ShopTraffic::Impl::send(postgres::Connection& connection, const StatementPlan& plan,
                                                     ShopValues& values, const std::string* followed) {
    PGANALYTICS_ASSIGN(auto parameters, values.make_all(plan.parameters));
    if (followed != nullptr) parameters.push_back(*followed);
    if (!plan.list) return connection.query(plan.text, as_parameters(parameters));
    const auto length = static_cast<int>(values.between(plan.list->shortest, plan.list->longest));
    std::vector<std::string> elements;
    for (int i = 0; i < length; ++i) {
        PGANALYTICS_ASSIGN(auto element, values.make(plan.list->element, {}));
        elements.push_back(std::move(element));
    }
    if (plan.send_literals) return connection.query(plan.text_with_values(elements), as_parameters(parameters));
    parameters.insert(parameters.end(), elements.begin(), elements.end());
    return connection.query(plan.text_of_length(length), as_parameters(parameters));
}

/// One statement with what follows it. False when the connection is gone.
bool ShopTraffic::Impl::perform(postgres::Connection& connection, const StatementPlan& plan, ShopValues& values) {
    for (int i = 0; i < plan.repeat; ++i) {
        const auto rows = send(connection, plan, values, nullptr);
        note(plan, rows ? nullptr : &rows.error());
        if (!rows) return connection.healthy();
        for (const auto& follower : plans) {
            if (follower.follows != plan.name) continue;
            for (std::size_t row = 0; row < rows->size(); ++row) {
                const auto value = rows->text(row, static_cast<std::size_t>(follower.followed_column));
                const auto answer = send(connection, follower, values, &value);
                note(follower, answer ? nullptr : &answer.error());
                if (!answer) return connection.healthy();
            }
        }
    }
    return true;
}

void ShopTraffic::Impl::work(int number) {
    ShopValues values(*names, options.seed * 1000 + static_cast<std::uint64_t>(number));
    std::optional<postgres::Connection> connection;
    auto wait = first_pause;
    bool was_connected = false;
    while (const auto index = next_plan(values)) {
        if (!connection) {
            auto opened = connect();
            if (!opened) {
                log.debug("shop traffic waits for its target", {{"error", opened.error().message}});
                if (!pause(wait)) return;
                wait = std::min(wait * 2, longest_pause);
                continue;
            }
            connection = std::move(opened).value();
            wait = first_pause;
            const std::lock_guard lock(mutex);
            if (was_connected) ++counts.reconnects;
            was_connected = true;
        }
        if (!perform(*connection, plans[*index], values)) connection.reset();
    }
}

ShopTraffic::ShopTraffic(base::Secret conninfo, ShopTruth truth, TrafficOptions options, base::Log log)
    : impl_(std::make_unique<Impl>()) {
    impl_->conninfo = std::move(conninfo);
    impl_->truth = std::move(truth);
    impl_->options = options;
    impl_->log = std::move(log);
}

ShopTraffic::~ShopTraffic() {
    stop();
}

base::Status ShopTraffic::start() {
    if (!impl_->threads.empty()) {
        return base::Error{base::ErrorCode::conflict, "The shop's traffic runs already", "Stop it first.", ""};
    }
    PGANALYTICS_RETURN_IF_ERROR(impl_->load());
    impl_->stopping = false;
    impl_->schedule_all();
    for (int i = 0; i < impl_->options.connections; ++i) impl_->threads.emplace_back([this, i] { impl_->work(i); });
    return {};
}

void ShopTraffic::stop() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->wake.notify_all();
    for (auto& thread : impl_->threads) thread.join();
    impl_->threads.clear();
}

TrafficCounts ShopTraffic::counts() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->counts;
}

base::Result<TrafficCounts> ShopTraffic::run_once(int rounds) {
    PGANALYTICS_RETURN_IF_ERROR(impl_->load());
    PGANALYTICS_ASSIGN(auto connection, impl_->connect());
    ShopValues values(*impl_->names, impl_->options.seed);
    for (int round = 0; round < rounds; ++round) {
        for (const auto& plan : impl_->plans) {
            if (!plan.follows.empty()) continue;
            if (!impl_->perform(connection, plan, values)) {
                return base::Error{base::ErrorCode::connect_failed, "The shop's traffic lost its connection",
                                   "Look at the server's log.", ""};
            }
        }
    }
    return counts();
}

}  // namespace pganalytics::simulation
