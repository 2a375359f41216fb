#include "rewrite/array_edit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "sql/walk.hpp"

namespace pganalytics::rewrite {
namespace {

constexpr int no_parameter = std::numeric_limits<int>::max();

/// Old numbers → new ones, the arrays' parameters included.
struct Numbering {
    std::map<int, int> of_parameter;  ///< outside the lists
    std::map<std::size_t, int> of_list;
};

int lowest_parameter(const InList& list) {
    int lowest = no_parameter;
    for (const auto& node : list.expression->rexpr().list().items()) {
        const auto item = list_item(node);
        if (item->parameter != nullptr) lowest = std::min(lowest, item->parameter->number());
    }
    return lowest;
}

bool becomes_parameter(const InList& list, bool as_parameters) {
    return as_parameters || contents_of(list) == ListContents::parameters;
}

Numbering number_parameters(const pg_query::ParseResult& tree, const Family& family,
                            const std::vector<ArraySite>& sites, bool as_parameters) {
    std::vector<const pg_query::Node*> lists;
    for (const auto& site : sites) lists.push_back(&family.lists[site.list].expression->rexpr());
    std::map<std::pair<int, std::size_t>, std::optional<std::size_t>> order;  // (old number, tie) → list, or outside
    sql::visit_nodes(tree, [&](const pg_query::Node& node) {
        if (std::find(lists.begin(), lists.end(), &node) != lists.end()) return false;
        if (node.has_param_ref()) order[{node.param_ref().number(), 0}] = std::nullopt;
        return true;
    });
    for (const auto& site : sites) {
        const auto& list = family.lists[site.list];
        if (becomes_parameter(list, as_parameters)) order[{lowest_parameter(list), site.list + 1}] = site.list;
    }
    Numbering numbering;
    int next = 0;
    for (const auto& [old, list] : order) {
        ++next;
        if (list) {
            numbering.of_list[*list] = next;
        } else {
            numbering.of_parameter[old.first] = next;
        }
    }
    return numbering;
}

/// The grammar's own node for a type, whatever this version makes of the name.
base::Result<pg_query::TypeName> array_type(const std::string& element) {
    PGANALYTICS_ASSIGN(const auto tree, sql::parse(fmt::format("SELECT NULL::{}[]", element)));
    return tree.statement().select_stmt().target_list(0).res_target().val().type_cast().type_name();
}

/// Without the quotes' meaning: the tree holds the array's text itself.
std::string literal_content(const std::string& array_literal_sql) {
    const auto tree = sql::parse("SELECT " + array_literal_sql);
    return tree->statement().select_stmt().target_list(0).res_target().val().a_const().sval().sval();
}

/// Before the lists change: what stands in them is replaced afterwards anyway.
void renumber(pg_query::ParseResult& tree, const std::map<int, int>& numbers) {
    for (auto* parameter : mutable_parameters(tree)) {
        const auto found = numbers.find(parameter->number());
        if (found != numbers.end()) parameter->set_number(found->second);
    }
}

void change_list(pg_query::A_Expr& expression, bool negated, const pg_query::TypeName& type,
                 std::optional<int> parameter, const std::string& literal) {
    expression.set_kind(negated ? pg_query::AEXPR_OP_ALL : pg_query::AEXPR_OP_ANY);
    pg_query::Node array;
    auto* cast = array.mutable_type_cast();
    *cast->mutable_type_name() = type;
    if (parameter) {
        cast->mutable_arg()->mutable_param_ref()->set_number(*parameter);
    } else {
        cast->mutable_arg()->mutable_a_const()->mutable_sval()->set_sval(literal);
    }
    *expression.mutable_rexpr() = std::move(array);
}

/// Nothing where the tokens are not where the tree says: the edit then goes by the tree alone.
std::vector<sql::Splice> splice_list(const std::vector<sql::Token>& tokens, const InList& list,
                                     const std::string& array) {
    const auto word = [&tokens](std::size_t i) {
        return i < tokens.size() ? base::to_lower(tokens[i].text) : std::string();
    };
    const auto after = [&tokens](std::size_t i) {
        do ++i;
        while (i < tokens.size() && tokens[i].kind == sql::TokenKind::comment);
        return i;
    };
    const auto location = static_cast<std::size_t>(list.expression->location());
    std::size_t at = 0;
    while (at < tokens.size() && tokens[at].begin != location) ++at;
    std::vector<sql::Splice> splices;
    if (list.negated) {
        if (word(at) != "not") return {};
        splices.push_back({tokens[at].begin, tokens[at].end, "<>"});
        at = after(at);
    }
    if (word(at) != "in" || word(after(at)) != "(") return {};
    splices.push_back({tokens[at].begin, tokens[at].end, list.negated ? "ALL" : "= ANY"});
    const auto span = sql::balanced_span(tokens, tokens[at].end);
    if (!span) return {};
    splices.push_back({span->first + 1, span->second - 1, array});
    return splices;
}

void splice_parameters(const std::vector<sql::Token>& tokens, const Numbering& numbering,
                       std::vector<sql::Splice>& splices) {
    const std::vector<sql::Splice> lists = splices;
    for (const auto& token : tokens) {
        if (token.kind != sql::TokenKind::parameter) continue;
        const bool inside = std::any_of(lists.begin(), lists.end(), [&token](const sql::Splice& splice) {
            return token.begin >= splice.begin && token.end <= splice.end;
        });
        const auto old = base::parse_integer(token.text.substr(1));
        if (inside || !old) continue;
        const auto renumbered = numbering.of_parameter.find(static_cast<int>(*old));
        if (renumbered == numbering.of_parameter.end() || renumbered->second == *old) continue;
        splices.push_back({token.begin, token.end, fmt::format("${}", renumbered->second)});
    }
}

}  // namespace

base::Result<sql::EditedStatement> with_arrays(const sql::Tree& tree, const std::vector<ArraySite>& sites,
                                               bool as_parameters) {
    const auto family = family_of(tree.message());
    const auto numbering = number_parameters(tree.message(), family, sites, as_parameters);
    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(tree.text()));
    const auto edited = tree.clone_message();
    const auto edited_lists = mutable_lists(*edited);
    renumber(*edited, numbering.of_parameter);
    std::vector<sql::Splice> splices;
    for (const auto& site : sites) {
        const auto& list = family.lists[site.list];
        PGANALYTICS_ASSIGN(const auto type, array_type(site.element.sql_name));
        const auto found = numbering.of_list.find(site.list);
        const auto parameter = found == numbering.of_list.end() ? std::nullopt : std::optional(found->second);
        const std::string literal = parameter ? "" : array_literal(list);
        change_list(*edited_lists[site.list], list.negated, type, parameter, parameter ? "" : literal_content(literal));
        const auto array =
            fmt::format("{}::{}[]", parameter ? fmt::format("${}", *parameter) : literal, site.element.sql_name);
        const auto pieces = splice_list(tokens, list, array);
        splices.insert(splices.end(), pieces.begin(), pieces.end());
    }
    splice_parameters(tokens, numbering, splices);
    return sql::finish_edit(tree, *edited, std::move(splices));
}

}  // namespace pganalytics::rewrite
