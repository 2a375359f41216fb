// The score as JSON and as a table.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "evaluation/advice_score.hpp"

namespace pganalytics::evaluation {

using nlohmann::json;

json AdviceScore::to_json() const {
    json document{{"planted", planted},
                  {"found", found},
                  {"missed", missed},
                  {"invented", invented},
                  {"invented_on_healthy", invented_on_healthy},
                  {"helpful", helpful},
                  {"duplicates", duplicates},
                  {"healthy_statements", healthy_statements},
                  {"precision", precision()},
                  {"recall", recall()},
                  {"kinds", json::array()},
                  {"advice", json::array()}};
    for (const auto& kind : kinds) {
        document["kinds"].push_back({{"kind", kind.kind},
                                     {"planted", kind.planted},
                                     {"found", kind.found},
                                     {"missed", kind.missed},
                                     {"missed_ids", kind.missed_ids}});
    }
    for (const auto& judged : advice) {
        auto hashes = json::array();
        for (const auto hash : judged.advice.query_hashes) hashes.push_back(std::to_string(base::to_integer(hash)));
        document["advice"].push_back({{"id", judged.advice.id},
                                      {"rule", judged.advice.rule},
                                      {"statement", judged.advice.statement},
                                      {"query_hashes", hashes},
                                      {"outcome", to_string(judged.outcome)},
                                      {"fault", judged.fault},
                                      {"reason", judged.reason}});
    }
    return document;
}

std::string AdviceScore::to_table() const {
    std::string table =
        fmt::format("{:<28} {:>7} {:>6} {:>7}  {}\n", "kind of fault", "planted", "found", "missed", "missed faults");
    for (const auto& kind : kinds) {
        auto line = fmt::format("{:<28} {:>7} {:>6} {:>7}  {}", kind.kind, kind.planted, kind.found, kind.missed,
                                base::join(kind.missed_ids, ", "));
        line.erase(line.find_last_not_of(' ') + 1);
        table += line + "\n";
    }
    table += fmt::format("{:<28} {:>7} {:>6} {:>7}\n\n", "in all", planted, found, missed);
    for (const auto& judged : advice) {
        if (judged.outcome == Outcome::found || judged.outcome == Outcome::duplicate) continue;
        table += fmt::format("{}: {} ({}): {}\n", to_string(judged.outcome), judged.advice.rule, judged.reason,
                             base::one_line(judged.advice.statement, 120));
    }
    table += fmt::format(
        "invented {} (on healthy statements {}), helpful but not the remedy {}, said twice {}, healthy statements {}\n"
        "precision {:.2f}, recall {:.2f}\n",
        invented, invented_on_healthy, helpful, duplicates, healthy_statements, precision(), recall());
    return table;
}

}  // namespace pganalytics::evaluation
