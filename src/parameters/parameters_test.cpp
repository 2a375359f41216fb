#include "parameters/parameters.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <filesystem>
#include <iostream>
#include <random>
#include <sstream>

#include "base/text.hpp"
#include "sql/identity.hpp"
#include "sql/parse.hpp"
#include "support/case_catalog.hpp"
#include "support/case_file.hpp"

namespace pganalytics::parameters {
namespace {

namespace fs = std::filesystem;
const fs::path source_folder = PGANALYTICS_SOURCE_DIR;

/// The port's double: plans what parses, at a price of so many units, with a node described in words.
class DescribedPlanner : public plan::Planner {
  public:
    struct Answer {
        std::string part;  ///< of the statement's text
        double cost = 100;
        std::string node;  ///< "sort 1000 wide 40 columns 2", "bounded 100 of 1000 wide …", "join 10 with 20 wide …", …
    };
    std::vector<Answer> answers;

    base::Result<plan::PlannedStatement> plan(std::string_view statement, const plan::WhatIf&) override {
        const auto tree = sql::parse(statement);
        if (!tree) return tree.error();
        plan::PlannedStatement planned;
        planned.planned_text = statement;
        planned.plan.root = node("Seq Scan", plan::NodeType::seq_scan, 1000, 8, 1);
        planned.plan.root.total_cost = base::Cost{100};
        for (const auto& answer : answers) {
            if (statement.find(answer.part) == std::string_view::npos) continue;
            if (!answer.node.empty()) planned.plan.root = described(answer.node);
            planned.plan.root.total_cost = base::Cost{answer.cost};
            break;
        }
        return planned;
    }
    base::Status can_hypothesize() override { return {}; }

  private:
    static plan::Node node(const std::string& name, plan::NodeType type, double rows, double width, int columns) {
        plan::Node made;
        made.type = type;
        made.type_name = name;
        made.plan_rows = rows;
        made.plan_width = width;
        for (int i = 0; i < columns; ++i) made.output.push_back(fmt::format("c{}", i));
        return made;
    }

    static plan::Node described(const std::string& words) {
        std::istringstream in(words);
        std::string kind, skip;
        double first = 0, second = 0, width = 0;
        int columns = 0;
        in >> kind >> first;
        if (kind != "sort") in >> skip >> second;
        in >> skip >> width >> skip >> columns;  // "… wide 60 columns 2"
        if (kind == "sort") {
            auto sort = node("Sort", plan::NodeType::sort, first, width, columns);
            sort.children.push_back(node("Seq Scan", plan::NodeType::seq_scan, first, width, columns));
            return sort;
        }
        if (kind == "bounded") {
            auto limit = node("Limit", plan::NodeType::limit, first, width, columns);
            limit.children.push_back(described(fmt::format("sort {} wide {} columns {}", second, width, columns)));
            return limit;
        }
        if (kind == "join") {
            auto join = node("Hash Join", plan::NodeType::hash_join, second, width, columns);
            join.children.push_back(node("Seq Scan", plan::NodeType::seq_scan, second, width, columns));
            join.children.push_back(node("Hash", plan::NodeType::hash, first, width, columns));
            return join;
        }
        auto aggregate = node("Aggregate", plan::NodeType::aggregate, first, width, columns);
        aggregate.strategy = "Hashed";
        aggregate.group_key = {"c0"};
        aggregate.children.push_back(node("Seq Scan", plan::NodeType::seq_scan, second, width, columns));
        return aggregate;
    }
};

double number(const std::string& text) {
    return base::parse_number(text).value();
}

/// "calls 100 mean 20 rows 5 written 300 read 300 io 4 | text"
workload::ObservedStatement statement_of(const std::string& line) {
    const auto bar = line.find('|');
    workload::ObservedStatement statement;
    statement.text = std::string(base::trim(line.substr(bar + 1)));
    statement.query_hash = sql::query_hash(statement.text);
    statement.database_name = "shop";
    std::istringstream in(line.substr(0, bar));
    std::string key, value;
    double calls = 0;
    std::map<std::string, double> figures;
    while (in >> key >> value) {
        if (key == "user") {
            statement.user_name = value == "night" ? "Night Report" : value;
        } else {
            figures[key] = number(value);
        }
    }
    calls = figures["calls"];
    statement.sum.calls = static_cast<std::int64_t>(calls);
    statement.sum.total_exec_time_ms = calls * figures["mean"];
    statement.sum.rows = static_cast<std::int64_t>(calls * figures["rows"]);
    statement.sum.temp_blks_written = static_cast<std::int64_t>(calls * figures["written"]);
    statement.sum.temp_blks_read = static_cast<std::int64_t>(calls * figures["read"]);
    if (figures.contains("io")) statement.sum.temp_blk_write_time_ms = calls * figures["io"];
    return statement;
}

std::string printed(const Findings& findings) {
    std::string out;
    for (const auto& finding : findings.findings) {
        out += fmt::format("{}: {} → {}, {:.0f} % less\n", finding.parameter_name, finding.current_value,
                           finding.recommended_value, finding.advice.estimated_improvement_percent);
        for (const auto& application : finding.applies_as) {
            out += fmt::format("{}: {}\n", to_string(application.scope), application.statement);
            if (!application.inverse.empty()) out += fmt::format("  undo: {}\n", application.inverse);
        }
        for (const auto& gap : finding.advice.evidence.not_checked) out += fmt::format("not checked: {}\n", gap);
    }
    for (const auto& note : findings.notes) out += fmt::format("note: {}: {}\n", note.parameter_name, note.text);
    return out.empty() ? "nothing" : out.substr(0, out.size() - 1);
}

std::string run(const test_support::Case& one) {
    auto fields = one.fields();
    auto database = test_support::catalog_of(fields["schema"]);
    database.name = "shop";
    database.settings["work_mem"] = {"work_mem", fields.contains("work_mem") ? fields["work_mem"] : "4MB", "kB", ""};
    ParameterOptions options;
    if (fields.contains("memory")) {
        std::istringstream in(fields["memory"]);
        std::string total;
        double percent = 0;
        in >> total >> percent;
        options.total_memory = base::parse_memory(total).value();
        options.available_memory_pct = percent;
    }
    workload::Workload workload;
    workload.database_name = "shop";
    workload.window = base::Minutes{60};
    for (const auto& line : base::split(fields["sql"], '\n')) workload.statements.push_back(statement_of(line));
    DescribedPlanner planner;
    if (fields.contains("plan")) {
        for (const auto& line : base::split(fields["plan"], '\n')) {
            const auto parts = base::split(line, ':');
            planner.answers.push_back({std::string(base::trim(parts.at(0))),
                                       number(std::string(base::trim(parts.at(1)))),
                                       parts.size() > 2 ? std::string(base::trim(parts.at(2))) : ""});
        }
    }
    return printed(find_parameters(workload, database, planner, options));
}

TEST(ParameterCases, GiveWhatTheySay) {
    test_support::run_case_folder(source_folder / "tests/cases/parameters", run);
}

TEST(ParameterRules, EachHasItsCaseItsPageAndItsPrior) {
    for (const auto& rule : parameter_rules()) {
        const auto name = base::to_lower(rule);
        EXPECT_TRUE(fs::exists(source_folder / "tests/cases/parameters" / (name + ".case"))) << name;
        EXPECT_TRUE(fs::exists(source_folder / "docs/rules" / (name + ".md"))) << name;
        EXPECT_TRUE(advice::rule_prior(rule)) << rule;
    }
}

// Generated statements of which it is known whether they should be batched or bounded.

struct Generated {
    workload::Workload workload;
    std::map<base::QueryHash, std::string> truth;  ///< parameter, or "" for healthy
};

workload::ObservedStatement made(const std::string& text, double per_minute, double rows, double mean_ms) {
    return statement_of(fmt::format("calls {} mean {} rows {} | {}", std::round(per_minute * 60), mean_ms, rows, text));
}

class Generator {
  public:
    explicit Generator(int seed) : random_(static_cast<unsigned>(seed)) {
        generated.workload.database_name = "shop";
        generated.workload.window = base::Minutes{60};
    }

    int pick(int from, int to) { return std::uniform_int_distribution<int>(from, to - 1)(random_); }
    /// Evenly on a log scale.
    double between(double low, double high) {
        return low * std::exp(std::uniform_real_distribution<double>(0, std::log(high / low))(random_));
    }
    void add(const std::string& text, double per_minute, double rows, const std::string& truth) {
        auto statement = made(text, per_minute, rows, 0.02 + 0.002 * rows);
        generated.truth[statement.query_hash] = truth;
        generated.workload.statements.push_back(std::move(statement));
    }

    Generated generated;

  private:
    std::mt19937 random_;
};

/// Lists of every size and loops of every rate, among statements that look alike and are well.
Generated shop_like(int seed) {
    Generator generator(seed);
    const auto pick = [&generator](int from, int to) { return generator.pick(from, to); };
    const auto add = [&generator](const std::string& text, double per_minute, double rows, const std::string& truth) {
        generator.add(text, per_minute, rows, truth);
    };
    const double clicks = pick(5, 400);  // what the users do, a minute
    add(fmt::format("SELECT id, name FROM things WHERE kind = $1 /* {} */", pick(0, 9)), clicks, pick(1500, 90000),
        "LIMIT");
    add("SELECT id, name, price FROM things", clicks / 2, pick(2000, 90000), "LIMIT");
    add("SELECT t.id, o.qty FROM things t JOIN owners o ON o.thing = t.id ORDER BY t.id -- all", clicks / 4,
        pick(3000, 50000), "LIMIT");
    add("WITH x AS (SELECT id FROM things) SELECT x.id, o.qty FROM x, owners o", clicks / 4, pick(3000, 50000),
        "LIMIT");
    add("SELECT id, name FROM things ORDER BY id LIMIT $1", clicks, pick(1200, 5000), "");
    add("SELECT kind, count(*) FROM things GROUP BY kind", clicks / 8, pick(1200, 5000), "");
    add("SELECT id FROM things WHERE kind = $1", clicks, pick(1, 600), "");
    add("SELECT name FROM things FETCH FIRST $1 ROWS ONLY", clicks, pick(1200, 3000), "");
    add("SELECT id, price FROM things WHERE price > $1 FOR UPDATE", clicks / 10, pick(1200, 3000), "");
    add("SELECT i FROM generate_series($1, $2) AS i", clicks / 10, pick(1200, 30000), "");
    add("SELECT * FROM things WHERE made > $1 AND made < $2", 0.03, pick(5000, 90000), "");
    add("SELECT count(*) FROM things", clicks, 1, "");
    const double loop = std::max(900.0, clicks * pick(8, 40));
    add("INSERT INTO things (id, name, price) VALUES ($1, $2, $3)", loop, 1, "batch_size");
    add("UPDATE things SET price = $1 WHERE id = $2", loop * 1.3, 1, "batch_size");
    add("DELETE FROM owners WHERE thing = $1", loop * 0.9, 1, "batch_size");
    add("INSERT INTO owners (thing, qty) VALUES ($1, $2) RETURNING thing", loop, 1, "");
    add("INSERT INTO owners (thing, qty) VALUES ($1, $2), ($3, $4)", loop, 2, "");
    add("INSERT INTO owners SELECT id, 1 FROM things WHERE id = $1", clicks, 1, "");
    add("UPDATE things SET kind = $1 WHERE id = $2", clicks, 1, "");
    add("INSERT INTO things (id, kind) VALUES ($1, $2)", clicks / 3, 1, "");
    add("SELECT name FROM things WHERE id = $1", clicks * 3, 1, "");
    add("UPDATE things SET price = price * $1 WHERE kind = $2", clicks, pick(50, 500), "");
    return std::move(generator.generated);
}

/// A site with many pages, most of them rarely seen. Each view looks up a session and touches it, some write a line;
/// workers take jobs one by one. Then, in some, an import: alone, with a look-up for each row, or with a commit.
Generated site(int seed) {
    Generator generator(seed);
    const double views = generator.between(60, 3000);
    for (int page = 0; page < 20; ++page) {
        const double rate = views / (2.5 * (page + 1));
        generator.add(
            fmt::format("SELECT id, name FROM things WHERE kind = $1 AND made > $2 /* page */ LIMIT {}", page + 10),
            rate, page + 5, "");
        generator.add(fmt::format("SELECT count(*) FROM things WHERE kind = {} AND price > $1", page), rate, 1, "");
    }
    generator.add("SELECT user_id, data FROM sessions WHERE id = $1", views * generator.between(0.97, 1.03), 1, "");
    generator.add("UPDATE sessions SET seen = $1 WHERE id = $2", views, 1, "");
    generator.add("INSERT INTO views (path, seen) VALUES ($1, $2)", views / 3, 1, "");
    const double jobs = views * generator.between(0.05, 2);
    generator.add("SELECT id FROM jobs WHERE state = $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", jobs, 1, "");
    generator.add("UPDATE jobs SET state = $1 WHERE id = $2", jobs, 1, "");
    generator.add("INSERT INTO carts (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = $2", views / 20,
                  1, "");
    generator.add("SELECT id, name, price FROM things WHERE id = ANY($1)", views / 30, generator.pick(1200, 4000), "");
    generator.add("SELECT id, total FROM orders", generator.between(0.2, 20), generator.pick(2000, 60000), "LIMIT");
    generator.add("SELECT id, total FROM orders WHERE made = $1", 0.04, generator.pick(2000, 60000), "");
    const int import = generator.pick(0, 4);
    if (import == 0) return std::move(generator.generated);
    const double rows = std::max(views, jobs) * generator.between(4, 40) + 200;
    generator.add(
        "INSERT INTO stock (id, amount) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount", rows,
        1, "batch_size");
    if (import == 2) generator.add("SELECT amount FROM stock WHERE id = $1", rows, 1, "");
    if (import == 3) generator.add("COMMIT", rows / generator.pick(50, 500) + views, 0, "");
    return std::move(generator.generated);
}

/// Large results that are well, and small ones, of every form that looks like an unbounded list; writes that look like
/// a loop. Among them some of each that is one.
Generated look_alikes(int seed) {
    Generator generator(seed);
    const double clicks = generator.between(5, 400);
    const auto large = [&generator] { return generator.pick(1200, 60000); };
    const auto rate = [&] { return clicks * generator.between(0.05, 1); };
    const auto tag = fmt::format("/* {} */", generator.pick(0, 9));
    for (const std::string text :
         {"SELECT * FROM (SELECT id, name FROM things ORDER BY id LIMIT 5000) t WHERE t.name <> $1",
          "WITH top AS (SELECT id, name FROM things ORDER BY price DESC FETCH FIRST $1 ROWS ONLY) SELECT * FROM top",
          "WITH top AS (SELECT id FROM things ORDER BY id LIMIT $1) SELECT t.*, o.qty FROM top JOIN owners o ON "
          "o.thing = top.id JOIN things t ON t.id = top.id",
          "SELECT t.* FROM things t JOIN unnest($1::int[]) AS k (id) ON k.id = t.id",
          "SELECT t.* FROM (VALUES ($1), ($2), ($3)) AS k (id) JOIN owners t ON t.thing = k.id",
          "SELECT t.id, o.qty FROM things t LEFT JOIN owners o ON o.thing = t.id WHERE t.id = ANY ($1)",
          "SELECT t.id, o.qty FROM owners o JOIN things t ON o.thing = t.id AND t.id IN ($1, $2, $3)",
          "WITH gone AS (DELETE FROM owners WHERE qty = $1 RETURNING thing) SELECT thing FROM gone",
          "WITH job AS (SELECT id FROM jobs WHERE state = $1 FOR UPDATE SKIP LOCKED) SELECT id FROM job",
          "SELECT pg_advisory_lock(id) FROM jobs WHERE state = $1",
          "SELECT id FROM things FETCH NEXT $1 ROWS ONLY",
          "SELECT id FROM things ORDER BY price FETCH FIRST 2000 ROWS WITH TIES",
          "SELECT name FROM things UNION SELECT path FROM views",
          "DECLARE c CURSOR FOR SELECT * FROM things",
          "FETCH 5000 FROM c",
          "COPY (SELECT * FROM things) TO STDOUT",
          "TABLE things LIMIT 3000",
          "VALUES ($1), ($2)",
          "SELECT kind, made, count(*) FROM things GROUP BY ROLLUP (kind, made)",
          "SELECT id, price FROM things ORDER BY id FOR SHARE",
          "EXPLAIN SELECT * FROM things",
          "CREATE TABLE copy AS SELECT * FROM things",
          "SELECT * INTO copy FROM things"}) {
        generator.add(text + " " + tag, rate(), large(), "");
    }
    for (const std::string text :
         {"SELECT id, name FROM things WHERE id = $1", "SELECT * FROM things WHERE kind = $1 AND made = $2",
          "SELECT DISTINCT kind FROM things", "SELECT count(*) OVER (), id FROM jobs WHERE state = $1"}) {
        generator.add(text + " " + tag, clicks, generator.pick(1, 400), "");
    }
    generator.add("SELECT * FROM things " + tag, 0.05, large(), "");
    for (const std::string text :
         {"SELECT DISTINCT name FROM things", "TABLE things", "SELECT id, name FROM things OFFSET $1",
          "SELECT id, rank() OVER (ORDER BY price) FROM things", "SELECT * FROM things WHERE id NOT IN ($1, $2)",
          "SELECT * FROM things WHERE kind IN ($1, $2)",
          "SELECT t.name, (SELECT max(qty) FROM owners WHERE thing = t.id) FROM things t",
          "SELECT * FROM (SELECT id, name FROM things WHERE kind = $1) s", "SELECT * FROM things WHERE id > $1"}) {
        generator.add(text + " " + tag, rate(), large(), "LIMIT");
    }
    const double loop = clicks * generator.between(8, 40) + 900;
    for (const std::string text : {"INSERT INTO stock (id, amount) SELECT $1, $2",
                                   "INSERT INTO stock (id, amount) SELECT * FROM unnest($1::int[], $2::int[])",
                                   "INSERT INTO stock VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"}) {
        generator.add(text + " " + tag, loop, 1, "");
    }
    generator.add("INSERT INTO stock (id, amount) VALUES ($1, $2), ($3, $4), ($5, $6) " + tag, loop, 3, "");
    generator.add("UPDATE stock SET amount = $1 WHERE id > $2 " + tag, loop, generator.pick(5, 50), "");
    generator.add("INSERT INTO stock VALUES ($1, $2) ON CONFLICT (id) DO NOTHING " + tag, loop, 1, "batch_size");
    generator.add("UPDATE stock SET amount = amount + $1 WHERE id = $2 " + tag, loop * 1.4, 1, "batch_size");
    return std::move(generator.generated);
}

struct Tally {
    std::map<std::string, int> found, invented, missed;
};

void judge(const Generated& generated, const catalog::Database& database, Tally& tally) {
    DescribedPlanner planner;
    planner.answers = {{"LIMIT 1", 10, ""}, {"LIMIT", 20, ""}};
    std::map<base::QueryHash, std::string> said;
    for (const auto& finding : find_parameters(generated.workload, database, planner).findings) {
        said[finding.advice.served.front().query_hash] = finding.parameter_name;
    }
    for (const auto& [hash, truth] : generated.truth) {
        const std::string& answer = said[hash];
        if (!truth.empty()) ++(answer == truth ? tally.found : tally.missed)[truth];
        if (!answer.empty() && answer != truth) ++tally.invented[answer];
    }
}

TEST(BatchSizeAndLimit, FindWhatIsTrueOnGeneratedWorkloads) {
    const auto database = test_support::catalog_of(
        "things(id int primary key, name text, kind int, price numeric, made date)\nowners(thing int, qty int)\n"
        "sessions(id int primary key, user_id int, data text, seen timestamptz)\nviews(path text, seen timestamptz)\n"
        "jobs(id int primary key, state text)\ncarts(id int primary key, data text)\n"
        "orders(id int primary key, total numeric, made date)\nstock(id int primary key, amount int)");
    for (const auto& [name, generate, seeds] :
         {std::tuple{"shop", &shop_like, 100}, {"site", &site, 300}, {"alike", &look_alikes, 150}}) {
        Tally tally;
        for (int seed = 1; seed <= seeds; ++seed) judge(generate(seed * 7919), database, tally);
        for (const std::string rule : {"LIMIT", "batch_size"}) {
            const int found = tally.found[rule], missed = tally.missed[rule], invented = tally.invented[rule];
            std::cout << name << " " << rule << ": " << found << " found, " << missed << " missed, " << invented
                      << " invented\n";
            ASSERT_GE(found + missed, 200);
            EXPECT_GE(found, 0.9 * (found + missed)) << rule;
            EXPECT_GE(found, 0.9 * (found + invented)) << rule;
        }
    }
}

}  // namespace
}  // namespace pganalytics::parameters
