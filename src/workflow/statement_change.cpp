#include "workflow/statement_change.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "sql/parse.hpp"

namespace pganalytics::workflow {

namespace {

/// CREATE INDEX without CONCURRENTLY and IF NOT EXISTS, as the Planner port takes it; "" where it is none.
std::string index_statement(std::string_view statement) {
    std::string text;
    for (const auto& word : base::split(base::one_line(statement, statement.size() + 1), ' ')) {
        const auto upper = base::to_lower(word);
        if (upper == "concurrently") continue;
        text += (text.empty() ? "" : " ") + word;
    }
    const auto lower = base::to_lower(text);
    if (!lower.starts_with("create index") && !lower.starts_with("create unique index")) return {};
    while (text.ends_with(';')) text.pop_back();
    return text;
}

bool is_query(std::string_view text) {
    const auto tree = sql::parse(text);
    if (!tree || tree->statement_count() != 1) return false;
    const auto kind = sql::kind_of(*tree);
    return kind == sql::StatementKind::select || kind == sql::StatementKind::update ||
           kind == sql::StatementKind::delete_ || kind == sql::StatementKind::insert;
}

}  // namespace

StatementChange apply_proposals(std::string_view text, std::span<const Proposal> proposals) {
    StatementChange change{std::string(text), {}, {}, {}, {}};
    bool rewritten = false;
    for (const auto& proposal : proposals) {
        if (const auto index = index_statement(proposal.statement); !index.empty()) {
            auto& indexes = change.what_if.hypothetical_indexes;
            if (std::find(indexes.begin(), indexes.end(), index) == indexes.end()) indexes.push_back(index);
            change.applied.push_back(proposal.title);
            continue;
        }
        const bool memory = proposal.parameter_name == "work_mem" || proposal.parameter_name == "sort_mem";
        if (memory) {
            const auto size = base::parse_memory(proposal.recommended_value);
            if (!size) {
                change.left_out.push_back(
                    fmt::format("Not applied: {} (its value is not an amount of memory).", proposal.title));
                continue;
            }
            // Both names are PostgreSQL's work_mem: the larger holds.
            if (!change.work_mem || *change.work_mem < *size) {
                change.work_mem = *size;
                change.what_if.settings["work_mem"] = base::to_memory_setting(*size);
            }
            change.applied.push_back(proposal.title);
            continue;
        }
        // A batch does the work of many calls: its time is not that of one.
        const bool rewrites =
            proposal.parameter_name != "batch_size" && proposal.source_type != "index" && is_query(proposal.statement);
        if (rewrites && !rewritten) {
            rewritten = true;
            change.text = proposal.statement;
            change.applied.push_back(proposal.title);
        } else {
            change.left_out.push_back(
                fmt::format("Not applied, because planning does not show it: {}.", proposal.title));
        }
    }
    return change;
}

}  // namespace pganalytics::workflow
