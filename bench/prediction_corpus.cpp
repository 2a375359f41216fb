// Makes the corpus of plans and times that `make bench-prediction` scores predictions on; bench/corpus/README.md says
// what it consists of. Needs PostgreSQL 15 and nothing else: each worker starts a private server of its own.
//
//   prediction_corpus --schemas bench/corpus/schemas --out build-bench/corpus [--only shop,ledger] [--jobs 2] [--seed
//   1]
//
// Writes <out>/corpus.jsonl, <out>/repeated.jsonl and <out>/summary.json.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <fstream>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "corpus/measure.hpp"
#include "corpus/summary.hpp"

namespace pganalytics::corpus {
namespace {

namespace fs = std::filesystem;

struct Options {
    fs::path schemas, out;
    std::vector<std::string> only;
    int jobs = 2;
    int statement_timeout_ms = 10000;
    Plan plan;
};

/// One schema's lines in files of their own, so that an interrupted run leaves what it has and workers do not mix.
class Files {
  public:
    Files(const fs::path& folder, const std::string& schema)
        : corpus_(folder / (schema + ".jsonl")), repeated_(folder / (schema + ".repeated.jsonl")) {}
    void write(Part part, const std::string& line) {
        (part == Part::corpus ? corpus_ : repeated_) << line << std::endl;
    }

  private:
    std::ofstream corpus_, repeated_;
};

/// A server, and the schemas that it measures one after the other.
class Worker {
  public:
    Worker(const Options& options, const std::vector<SchemaFile>& schemas, std::atomic<std::size_t>& next)
        : options_(options), schemas_(schemas), next_(next) {}

    void work(const fs::path& folder) {
        auto server = Server::start(folder, std::chrono::milliseconds(options_.statement_timeout_ms));
        if (!server) {
            status_ = server.error();
            return;
        }
        status_ = measure(*server);
    }

    [[nodiscard]] const base::Status& status() const { return status_; }
    [[nodiscard]] const std::map<std::string, Counts>& counts() const { return counts_; }

  private:
    base::Status measure(Server& server) {
        std::vector<std::pair<std::string, std::unique_ptr<SchemaMeasurement>>> done;
        base::Status wrong;
        for (auto at = next_++; at < schemas_.size(); at = next_++) {
            const auto& schema = schemas_[at];
            auto files = std::make_shared<Files>(options_.out / "parts", schema.name);
            auto one = std::make_unique<SchemaMeasurement>(
                server, schema, options_.plan,
                [files](Part part, const std::string& line) { files->write(part, line); });
            // What is wrong with one schema must not cost the measurements of the others.
            if (auto measured = one->measure(); !measured) {
                std::cerr << fmt::format("{}: {}\n", schema.name, measured.error().to_string());
                wrong = measured;
                continue;
            }
            const auto& counts = one->counts();
            std::cerr << fmt::format("{}: {} pairs of {} templates in {:.0f} s; {} timed out, {} failed\n", schema.name,
                                     counts.pairs, counts.templates, counts.seconds, counts.timed_out, counts.failed);
            for (const auto& failure : counts.failures) std::cerr << "  " << failure << '\n';
            done.emplace_back(schema.name, std::move(one));
        }
        for (int round = 0; round < options_.plan.rounds; ++round)
            for (auto& [name, one] : done) PGANALYTICS_RETURN_IF_ERROR(one->measure_round(round));
        for (auto& [name, one] : done) {
            PGANALYTICS_RETURN_IF_ERROR(one->drop());
            counts_[name] = one->counts();
        }
        return wrong;
    }

    const Options& options_;
    const std::vector<SchemaFile>& schemas_;
    std::atomic<std::size_t>& next_;
    base::Status status_;
    std::map<std::string, Counts> counts_;
};

base::Status join_parts(const Options& options, const std::vector<SchemaFile>& schemas) {
    for (const auto* end : {".jsonl", ".repeated.jsonl"}) {
        const auto path = options.out / (std::string(end) == ".jsonl" ? "corpus.jsonl" : "repeated.jsonl");
        std::ofstream out(path, std::ios::binary);
        for (const auto& schema : schemas) {
            std::ifstream in(options.out / "parts" / (schema.name + end), std::ios::binary);
            if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
        }
        if (!out.flush())
            return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be written", path.string()),
                               "Name another folder.", "--out"};
    }
    return {};
}

base::Status make_corpus(const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    PGANALYTICS_ASSIGN(const auto schemas, read_schemas(options.schemas, options.only));
    std::error_code failure;
    fs::create_directories(options.out / "parts", failure);
    std::string pattern = (fs::temp_directory_path() / "pgan-corpus-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
        return base::Error{base::ErrorCode::retry_later, "a temporary folder cannot be made", "Check TMPDIR.", {}};
    // Servers run as an unprivileged user, who must get through.
    fs::permissions(pattern, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec, failure);
    std::atomic<std::size_t> next = 0;
    std::vector<Worker> workers;
    for (int job = 0; job < options.jobs; ++job) workers.emplace_back(options, schemas, next);
    std::vector<std::thread> threads;
    for (std::size_t job = 0; job < workers.size(); ++job)
        threads.emplace_back([&, job] { workers[job].work(fs::path(pattern) / fmt::format("server{}", job)); });
    for (auto& thread : threads) thread.join();
    fs::remove_all(pattern, failure);
    std::map<std::string, Counts> counts;
    base::Status wrong;
    for (const auto& worker : workers) {
        if (!worker.status()) wrong = worker.status();
        counts.insert(worker.counts().begin(), worker.counts().end());
    }
    PGANALYTICS_RETURN_IF_ERROR(join_parts(options, schemas));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    PGANALYTICS_ASSIGN(const auto summary, summarise(options.out, options.plan.seed, counts, seconds));
    std::ofstream(options.out / "summary.json") << summary.dump(2) << '\n';
    std::cout << summary.dump(2) << '\n';
    return wrong;
}

}  // namespace
}  // namespace pganalytics::corpus

int main(int argc, char** argv) {
    pganalytics::corpus::Options options;
    CLI::App app("Runs generated statements on PostgreSQL and writes their plans and times");
    app.add_option("--schemas", options.schemas, "Folder of the schema files")->required()->type_name("FOLDER");
    app.add_option("--out", options.out, "Folder to write to")->required()->type_name("FOLDER");
    app.add_option("--only", options.only, "These schemas alone")->delimiter(',')->type_name("NAME,…");
    app.add_option("--jobs", options.jobs, "Servers at the same time: as many as there are idle cores")
        ->check(CLI::Range(1, 64))
        ->type_name("N");
    app.add_option("--seed", options.plan.seed, "Of data, templates and values")->type_name("N");
    app.add_option("--scales", options.plan.scales, "Sizes of the data (1,0.1)")->delimiter(',')->type_name("X,…");
    app.add_option("--templates", options.plan.generated_templates, "Generated templates a schema")->type_name("N");
    app.add_option("--draws", options.plan.draws, "Statements a template, scale and set of indexes")->type_name("N");
    app.add_option("--rounds", options.plan.rounds, "Of repeated statements")->type_name("N");
    app.add_option("--repeated", options.plan.repeated_statements, "Statements of a schema in each round")
        ->type_name("N");
    app.add_option("--statement-timeout", options.statement_timeout_ms, "Milliseconds; what reaches it is left out")
        ->type_name("MS");
    CLI11_PARSE(app, argc, argv);
    const auto made = pganalytics::corpus::make_corpus(options);
    if (made) return 0;
    std::cerr << "prediction_corpus: " << made.error().to_string() << '\n';
    return 1;
}
