// The cost of knowing a statement: identity is paid for every new text of every target, parsing for what is analysed.

#include <benchmark/benchmark.h>

#include <string>

#include "sql/identity.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace {

using namespace pganalytics;

const std::string lookup = "SELECT id, name, price FROM products WHERE id = $1";
const std::string page =
    "SELECT o.id, o.created, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id "
    "WHERE o.status = $1 AND o.created > now() - interval '30 days' AND o.id IN ($2, $3, $4, $5) ORDER BY o.created "
    "DESC LIMIT $6";
// 26 lines, as reporting tools write them.
const std::string report = R"(WITH recent AS (
    SELECT o.id, o.customer_id, o.created, o.total
    FROM orders o
    WHERE o.created >= date_trunc('month', now()) - interval '3 months'
      AND o.status IN ('paid', 'shipped', 'returned')
), lines AS (
    SELECT i.order_id, sum(i.amount * i.price) AS value, count(*) AS positions
    FROM order_items i
    JOIN recent r ON r.id = i.order_id
    GROUP BY i.order_id
    HAVING sum(i.amount * i.price) > 10.5
)
SELECT c.country,
       date_trunc('week', r.created) AS week,
       count(DISTINCT r.customer_id) AS customers,
       sum(l.value) AS revenue,
       avg(l.positions) FILTER (WHERE l.positions > 1) AS positions,
       CASE WHEN sum(l.value) > 10000 THEN 'high' WHEN sum(l.value) > 1000 THEN 'middle' ELSE 'low' END AS class
FROM recent r
JOIN lines l ON l.order_id = r.id
LEFT JOIN customers c ON c.id = r.customer_id AND c.deleted IS NULL
WHERE r.total BETWEEN 5 AND 5000
  AND NOT EXISTS (SELECT 1 FROM refunds f WHERE f.order_id = r.id AND f.state <> 'rejected')
GROUP BY c.country, week
ORDER BY revenue DESC NULLS LAST, week
LIMIT 100)";

template <typename Work>
void run(benchmark::State& state, const std::string& text, const Work& work) {
    for (auto _ : state) benchmark::DoNotOptimize(work(text));
    state.SetItemsProcessed(state.iterations());
}

const auto hash = [](const std::string& text) { return sql::query_hash(text); };
const auto parse_only = [](const std::string& text) { return sql::parse(text).has_value(); };
const auto analyse = [](const std::string& text) { return sql::analyze(*sql::parse(text)).has_value(); };
const auto fingerprint = [](const std::string& text) { return sql::fingerprint_hash(text).has_value(); };

BENCHMARK_CAPTURE(run, hash_lookup, lookup, hash);
BENCHMARK_CAPTURE(run, hash_page, page, hash);
BENCHMARK_CAPTURE(run, hash_report, report, hash);
BENCHMARK_CAPTURE(run, fingerprint_page, page, fingerprint);
BENCHMARK_CAPTURE(run, parse_lookup, lookup, parse_only);
BENCHMARK_CAPTURE(run, parse_page, page, parse_only);
BENCHMARK_CAPTURE(run, parse_report, report, parse_only);
BENCHMARK_CAPTURE(run, analyse_page, page, analyse);
BENCHMARK_CAPTURE(run, analyse_report, report, analyse);

}  // namespace

BENCHMARK_MAIN();
