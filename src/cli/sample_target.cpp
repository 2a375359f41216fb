#include "cli/sample_target.hpp"

#include <fmt/format.h>

#include "base/hash.hpp"
#include "collector/check.hpp"
#include "collector/setup_target.hpp"
#include "postgres/connection.hpp"
#include "simulation/shop.hpp"

namespace pganalytics::cli {

namespace {

constexpr std::string_view sample_database = "shop";
constexpr std::string_view monitor_role = "pganalytics_monitor";

/// Runs what `setup-target` prints for this server, as its administrator would, and gives the role a new password.
base::Result<base::Secret> make_monitor_role(const postgres::PrivateCluster& cluster,
                                             postgres::Connection& connection) {
    PGANALYTICS_ASSIGN(const auto facts, collector::read_server_facts(connection));
    PGANALYTICS_ASSIGN(const auto schemas, collector::read_schemas(cluster.conninfo(), facts));
    collector::SetupOptions options;
    options.role = std::string(monitor_role);
    options.preloaded = {"pg_stat_statements"};
    options.statements_database = std::string(sample_database);
    for (const auto& step : collector::setup_steps(facts.version, schemas, options)) {
        if (step.needs_restart) continue;  // the server was started with what these would set
        if (!step.database.empty() && step.database != sample_database) continue;
        // One statement, so the extended protocol takes it.
        PGANALYTICS_ASSIGN(const auto done, connection.query(step.sql));
    }
    const base::Secret password(base::random_hex(32));
    PGANALYTICS_RETURN_IF_ERROR(connection.execute_script(postgres::our_sql(
        "ALTER ROLE {} PASSWORD {}", postgres::identifier(monitor_role), postgres::literal(password.reveal()))));
    // Of a key given twice libpq takes the later one.
    return base::Secret(
        fmt::format("{} user={} password={}", cluster.conninfo().reveal(), monitor_role, password.reveal()));
}

}  // namespace

base::Result<SampleTarget> SampleTarget::start(const base::Config& config, const workflow::StateFolder& state,
                                               const std::function<void(std::string_view)>& progress,
                                               const base::Log& log) {
    SampleTarget sample;
    postgres::PrivateClusterOptions options;
    options.folder = state.sample();
    options.binaries = config.postgres_bin_folder;
    options.runtime_folder = config.runtime_folder;
    options.database = std::string(sample_database);
    options.shared_preload_libraries = {"pg_stat_statements"};
    options.settings = {{"track_io_timing", "on"}, {"pg_stat_statements.track", "top"}};
    progress("starting the sample server");
    PGANALYTICS_ASSIGN(auto cluster, postgres::PrivateCluster::start(options));
    sample.cluster_.emplace(std::move(cluster));

    postgres::ConnectOptions session;
    session.read_only = false;
    PGANALYTICS_ASSIGN(auto connection, postgres::Connection::open(sample.cluster_->conninfo(), session));
    simulation::ShopOptions shop;
    shop.seed = static_cast<std::uint64_t>(config.sample_seed);
    shop.scale = config.sample_scale;
    shop.progress = [&](std::string_view step, int done, int total) {
        progress(fmt::format("making the sample shop ({} of {}): {}", done + 1, total, step));
    };
    PGANALYTICS_ASSIGN(auto created, simulation::create_shop(connection, shop));
    sample.truth_ = std::move(created.truth);
    sample.was_there_ = created.already_there;
    progress("making the monitoring role");
    PGANALYTICS_ASSIGN(sample.monitor_conninfo_, make_monitor_role(*sample.cluster_, connection));

    sample.traffic_ = std::make_unique<simulation::ShopTraffic>(sample.cluster_->conninfo(), sample.truth_,
                                                                simulation::TrafficOptions{}, log);
    PGANALYTICS_RETURN_IF_ERROR(sample.traffic_->start());
    return sample;
}

}  // namespace pganalytics::cli
