#pragma once
// Measures the statements of one schema: at each scale, without and with its secondary indexes, cold and warm, under
// several settings; then, in rounds over time, a part of them again and again.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "corpus/schema_file.hpp"
#include "corpus/server.hpp"
#include "corpus/values.hpp"

namespace pganalytics::corpus {

struct Plan {
    std::uint64_t seed = 1;
    std::vector<double> scales{1, 0.1};  ///< the first one's databases stay for the rounds
    int generated_templates = 60;        ///< a schema, beside those of its file
    int draws = 3;                       ///< statements a template, scale and set of indexes
    int rounds = 6;
    int repeated_statements = 40;  ///< a schema, in each round
};

/// What became of the statements.
struct Counts {
    long pairs = 0, repeated = 0, templates = 0;
    long timed_out = 0;              ///< left out
    long failed = 0;                 ///< refused by the server, left out
    std::set<std::string> failures;  ///< template and the server's words
    double seconds = 0;
};

/// Where a line goes: the corpus, or the repeated statements.
enum class Part { corpus, repeated };
using Write = std::function<void(Part, const std::string& line)>;

class SchemaMeasurement {
  public:
    SchemaMeasurement(Server& server, const SchemaFile& schema, const Plan& plan, Write write)
        : server_(server), schema_(schema), plan_(plan), write_(std::move(write)) {}

    /// Everything but the rounds. Leaves the database of the first scale, with its indexes.
    [[nodiscard]] base::Status measure();
    [[nodiscard]] base::Status measure_round(int round);
    [[nodiscard]] base::Status drop();
    [[nodiscard]] const Counts& counts() const { return counts_; }

  private:
    struct Statement {
        const Template* of = nullptr;
        std::string text, id;
        Settings settings, other_settings;
        bool dropped = false;  ///< failed, or too slow
    };
    struct State {
        double scale = 1;
        bool indexes = false;
    };
    struct TableFacts {
        double rows = 0, megabytes = 0, indexes = 0;
    };

    [[nodiscard]] base::Status measure_scale(double scale);
    [[nodiscard]] base::Status measure_state();
    [[nodiscard]] base::Status make_statements(const Data& data);
    [[nodiscard]] base::Status read_table_facts();
    [[nodiscard]] base::Status measure_one(Statement& statement, const Settings& settings, bool cold, Part part);
    [[nodiscard]] base::Result<double> warm_time(const Statement& statement, double& hit_ratio);
    [[nodiscard]] std::string database(double scale) const;

    Server& server_;
    const SchemaFile& schema_;
    const Plan& plan_;
    Write write_;
    Counts counts_;
    std::vector<Template> templates_;
    std::vector<Statement> statements_;  ///< of the present scale and indexes
    std::vector<Statement> repeated_;
    State state_;
    std::map<std::string, TableFacts> facts_, facts_of_rounds_;
};

}  // namespace pganalytics::corpus
