#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "base/text.hpp"
#include "cli/advice_view.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/repository_session.hpp"
#include "cli/program.hpp"
#include "cli/sample_target.hpp"
#include "cli/stop_signals.hpp"
#include "http/service.hpp"
#include "net/http_server.hpp"
#include "net/redis_cache.hpp"
#include "store/recommendations.hpp"
#include "workflow/prediction_service.hpp"
#include "workflow/report_json.hpp"
#include "workflow/server_roles.hpp"

namespace pganalytics::cli {

namespace {

using namespace std::chrono_literals;

struct ServeFlags {
    std::vector<std::string> roles{"all"};
    bool sample_when_empty = false;  ///< `up`
    std::string address, port;
};

/// Everything a running process consists of. Members stop in reverse order: answers first, the repository last.
class RunningServer {
  public:
    RunningServer(Invocation& invocation, const ServeFlags& flags) : invocation_(invocation), flags_(flags) {}

    base::Result<int> run() {
        PGANALYTICS_RETURN_IF_ERROR(start());
        announce();
        bool shown = !flags_.sample_when_empty;
        while (true) {
            const Asked asked = wait_for_signal(500ms);
            // `up` belongs to a terminal and ends with it; `serve` is a service, for which SIGHUP means "read again".
            if (asked == Asked::stop || (asked == Asked::reload && flags_.sample_when_empty)) break;
            if (asked == Asked::reload) reload();
            if (!shown) shown = show_first_recommendations();
        }
        invocation_.terminal.note("stopping");
        stop();
        return 0;
    }

  private:
    [[nodiscard]] bool has_role(const std::string& role) const {
        return std::any_of(flags_.roles.begin(), flags_.roles.end(),
                           [&](const auto& given) { return given == "all" || given == role; });
    }

    void say(std::string_view text) {
        invocation_.terminal.progress(text);
        invocation_.log.debug("start", {{"stage", text}});
    }

    base::Status start() {
        for (const auto& [key, value] : {std::pair{"http.address", flags_.address}, {"http.port", flags_.port}}) {
            if (!value.empty()) PGANALYTICS_RETURN_IF_ERROR(base::apply_setting(invocation_.config, key, value));
        }
        say("starting the repository");
        PGANALYTICS_ASSIGN(auto access,
                           workflow::RepositoryAccess::open(invocation_.config, workflow::AccessMode::own));
        access_.emplace(std::move(access));
        targets_.emplace(access_->targets());
        PGANALYTICS_RETURN_IF_ERROR(add_configured_targets());
        PGANALYTICS_RETURN_IF_ERROR(start_sample_if_empty());
        const std::string worker = workflow::worker_name();
        if (has_role("collector")) {
            collector_ = std::make_unique<workflow::CollectorRole>(access_->repository(), *targets_, invocation_.config,
                                                                   worker, invocation_.log);
        }
        if (has_role("worker")) {
            worker_ = std::make_unique<workflow::WorkerRole>(access_->repository(), *targets_, invocation_.config,
                                                             worker, invocation_.log);
        }
        if (has_role("api")) PGANALYTICS_RETURN_IF_ERROR(start_http());
        return {};
    }

    base::Status add_configured_targets() {
        for (const auto& configured : invocation_.config.targets) {
            store::NewTarget target{configured.name, configured.conninfo, configured.databases, false};
            if (target.name.empty()) target.name = base::redact_conninfo(configured.conninfo.reveal());
            PGANALYTICS_ASSIGN(const auto added, targets_->add_or_replace(target));
            if (configured.total_memory) {
                PGANALYTICS_RETURN_IF_ERROR(targets_->set_total_memory(added.id, configured.total_memory));
            }
        }
        return {};
    }

    base::Status start_sample_if_empty() {
        if (!flags_.sample_when_empty) return {};
        constexpr std::string_view sample_name = "sample";
        PGANALYTICS_ASSIGN(const auto known, targets_->list());
        const bool others =
            std::any_of(known.begin(), known.end(), [&](const auto& target) { return target.name != sample_name; });
        if (others) return {};
        // The shop's load is heavy and recent, so short intervals show advice within a minute of the first start.
        if (invocation_.config.collector_interval == base::Config().collector_interval) {
            invocation_.config.collector_interval = 10s;
            invocation_.config.collector_text_interval = 10s;
        }
        PGANALYTICS_ASSIGN(auto sample, SampleTarget::start(
                                            invocation_.config, access_->state(),
                                            [&](std::string_view text) { say(text); }, invocation_.log));
        sample_.emplace(std::move(sample));
        PGANALYTICS_ASSIGN(
            const auto added,
            targets_->add_or_replace({std::string(sample_name), sample_->monitor_conninfo(), {"shop"}, false}));
        return {};
    }

    base::Status start_predictions() {
        const auto& config = invocation_.config;
        const auto key = access_->prediction_key();
        if (!config.redis_url.empty()) {
            net::RedisOptions options;
            options.url = config.redis_url;
            options.password = config.redis_password;
            options.signing_key = key;
            options.timeout = config.redis_timeout;
            options.connect_timeout = std::max(options.connect_timeout, 2 * config.redis_timeout);
            PGANALYTICS_ASSIGN(auto redis, net::RedisCache::create(std::move(options), clock_));
            redis_ = std::move(redis);
        }
        predictions_ = std::make_unique<workflow::PredictionService>(
            workflow::PredictionDependencies{access_->repository(), *targets_, clock_, invocation_.log, key, redis_});
        return {};
    }

    base::Status start_http() {
        PGANALYTICS_ASSIGN(token_, access_->first_token());
        PGANALYTICS_RETURN_IF_ERROR(start_predictions());
        http::Dependencies dependencies{access_->repository(),      *targets_, *predictions_, clock_, invocation_.log,
                                        invocation_.program_version};
        if (redis_) {
            dependencies.redis_status = [this] {
                return std::optional(net::RedisStatus{redis_->state(), redis_->counters()});
            };
        }
        if (collector_) {
            dependencies.collector_status = [this] { return collector_->fleet().status(); };
            dependencies.collector_queue = [this] { return collector_->fleet().queue_state(); };
        }
        dependencies.server_counters = [this] {
            const net::HttpServer* server = serving_;
            return server == nullptr ? net::ServerCounters{} : server->counters();
        };
        service_ = std::make_unique<http::Service>(std::move(dependencies));
        const auto& config = invocation_.config;
        net::ServerOptions options;
        options.address = config.http_address;
        options.port = static_cast<std::uint16_t>(config.http_port);
        options.workers = static_cast<std::size_t>(config.http_threads);
        options.refusal = http::transport_refusal;
        if (!config.http_tls_certificate.empty())
            options.tls = net::TlsFiles{config.http_tls_certificate.string(), config.http_tls_key.string()};
        PGANALYTICS_ASSIGN(
            server_,
            net::HttpServer::start(
                options, [this](const net::Request& request) { return service_->handle(request); }, invocation_.log));
        serving_ = server_.get();
        return {};
    }

    void announce() {
        auto& terminal = invocation_.terminal;
        terminal.clear_progress();
        if (sample_) {
            terminal.note("No target is configured, so a sample shop with planted faults runs under real traffic.");
            terminal.note("`pganalytics targets add <conninfo>` watches your own server instead.");
        }
        if (server_) {
            terminal.note(fmt::format("Serving at {} (token for this machine: {})", server_->url(),
                                      access_->state().token().string()));
        }
        invocation_.log.info("started", {{"version", invocation_.program_version},
                                         {"url", server_ ? server_->url() : std::string("none")}});
        if (flags_.sample_when_empty)
            terminal.note("Collecting; the first recommendations follow. Ctrl-C stops everything.");
    }

    /// Once, when an analysis has found something: what a newcomer wants to see.
    bool show_first_recommendations() {
        store::RecommendationFilter filter;
        filter.limit = 10;
        const auto page = store::RecommendationStore(access_->repository()).list(filter);
        if (!page || page->items.empty()) return false;
        // The first analysis has seen seconds of traffic; a little later there is more to say. What an earlier run
        // found is shown at once.
        const auto now = clock_.monotonic();
        const bool known_before = page->items.front().created_at < started_at_;
        if (!first_advice_at_) first_advice_at_ = now;
        constexpr auto patience = 20s;
        if (!known_before && now - *first_advice_at_ < patience) return false;
        auto& terminal = invocation_.terminal;
        terminal.clear_progress();
        terminal.out() << '\n' << terminal.styled(Style::bold, "Recommendations, highest return first") << "\n\n";
        int rank = 0;
        for (const auto& row : page->items) print_advice(terminal, ++rank, workflow::to_json(row), false);
        terminal.out()
            << "`pganalytics recommendations --details` shows the evidence, here and later. Ctrl-C stops everything.\n"
            << std::flush;
        return true;
    }

    /// SIGHUP: renewed certificates. What cannot be used is said, and the old ones stay.
    void reload() {
        if (!server_) return;
        if (auto reloaded = server_->reload_tls()) {
            invocation_.log.info("reloaded");
        } else {
            invocation_.log.warning("reload_failed", {{"problem", reloaded.error().to_string()}});
        }
    }

    void stop() {
        if (server_) server_->stop();
        serving_ = nullptr;
        worker_.reset();
        collector_.reset();
        sample_.reset();
        server_.reset();
        service_.reset();
        predictions_.reset();
        targets_.reset();
        access_.reset();
    }

    Invocation& invocation_;
    const ServeFlags& flags_;
    base::SystemClock clock_;
    base::Timestamp started_at_ = clock_.now();
    std::optional<std::chrono::steady_clock::time_point> first_advice_at_;
    base::Secret token_;
    std::optional<workflow::RepositoryAccess> access_;
    std::optional<store::TargetStore> targets_;
    std::optional<SampleTarget> sample_;
    std::unique_ptr<workflow::CollectorRole> collector_;
    std::unique_ptr<workflow::WorkerRole> worker_;
    std::shared_ptr<net::RedisCache> redis_;  ///< null where none is configured
    std::unique_ptr<workflow::PredictionService> predictions_;
    std::unique_ptr<http::Service> service_;
    std::unique_ptr<net::HttpServer> server_;
    /// The same once it is there: requests may ask for its counters before `start` has returned it.
    std::atomic<net::HttpServer*> serving_ = nullptr;
};

base::Result<int> run_server(Invocation& invocation, const ServeFlags& flags) {
    static const std::vector<std::string> known{"all", "api", "collector", "worker"};
    for (const auto& role : flags.roles) {
        if (std::find(known.begin(), known.end(), role) == known.end()) {
            return base::Error{base::ErrorCode::usage, fmt::format("There is no role \"{}\".", role),
                               fmt::format("Choose from: {}.", base::join(known, ", ")), "--role"};
        }
    }
    return RunningServer(invocation, flags).run();
}

CLI::App* add_server_command(CLI::App& tree, Program& program, const std::string& name, const std::string& description,
                             const std::shared_ptr<ServeFlags>& flags) {
    auto* command = tree.add_subcommand(name, description);
    command->add_option("--address", flags->address, "Address to listen on (http.address)")->type_name("ADDRESS");
    command->add_option("--port", flags->port, "Port to listen on (http.port)")->type_name("PORT");
    command->callback([flags, &program] {
        program.choose([flags](Invocation& invocation) { return run_server(invocation, *flags); });
    });
    return command;
}

}  // namespace

void add_up(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<ServeFlags>();
    flags->sample_when_empty = true;
    add_server_command(tree, program, "up",
                       "Run everything with nothing to configure; without a target, on a sample shop", flags);
}

void add_serve(CLI::App& tree, Program& program) {
    auto flags = std::make_shared<ServeFlags>();
    auto* command = add_server_command(tree, program, "serve", "Run the server, or a part of it", flags);
    command->add_option("--role", flags->roles, "all, or any of api, collector, worker")
        ->type_name("ROLE")
        ->delimiter(',');
}

}  // namespace pganalytics::cli
