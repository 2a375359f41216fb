#include "postgres/type_search.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/walk.hpp"

namespace pganalytics::postgres {
namespace {

struct Type {
    std::uint32_t oid;
    std::string_view name;
};

// Oids of built-in types never change (pg_type.dat). Most likely first: what the tries are worth was measured on
// normalised statements.
constexpr std::array types{Type{23, "integer"},
                           Type{25, "text"},
                           Type{1184, "timestamp with time zone"},
                           Type{1700, "numeric"},
                           Type{1082, "date"},
                           Type{1186, "interval"},
                           Type{701, "double precision"},
                           Type{16, "boolean"},
                           Type{1007, "integer[]"},
                           Type{1009, "text[]"},
                           Type{3802, "jsonb"},
                           Type{20, "bigint"},
                           Type{1114, "timestamp"},
                           Type{1016, "bigint[]"},
                           Type{114, "json"},
                           Type{1043, "varchar"},
                           Type{1560, "bit"},
                           Type{2950, "uuid"},
                           Type{17, "bytea"},
                           Type{1083, "time"},
                           Type{3614, "tsvector"},
                           Type{3615, "tsquery"},
                           Type{869, "inet"},
                           Type{3904, "int4range"},
                           Type{600, "point"},
                           Type{18, "\"char\""},
                           Type{1231, "numeric[]"},
                           Type{1022, "float8[]"},
                           Type{1185, "timestamptz[]"},
                           Type{1182, "date[]"},
                           Type{4072, "jsonpath"},
                           Type{3734, "regconfig"}};
constexpr std::size_t likely = 8;  ///< tried for every suspect before the rest is tried for any

/// Where parameters stand, in characters from 1, as the server counts.
struct Occurrence {
    int parameter;
    int position;
};

std::vector<Occurrence> occurrences(std::string_view text, const std::vector<int>& character_of_byte) {
    std::vector<Occurrence> found;
    const auto tokens = sql::scan(text);
    if (!tokens) return found;
    for (const auto& token : *tokens) {
        if (token.kind != sql::TokenKind::parameter || token.text.size() < 2) continue;
        found.push_back(
            {static_cast<int>(base::parse_integer(token.text.substr(1)).value_or(0)), character_of_byte[token.begin]});
    }
    return found;
}

std::vector<int> characters(std::string_view text) {
    std::vector<int> of_byte;
    of_byte.reserve(text.size() + 1);
    int character = 0;
    for (const char c : text) {
        character += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
        of_byte.push_back(character);
    }
    of_byte.push_back(character + 1);
    return of_byte;
}

/// Operators and calls by the position that the server blames: the parameters that are their direct arguments.
std::multimap<int, int> direct_arguments(std::string_view text, const std::vector<int>& character_of_byte) {
    std::multimap<int, int> found;
    const auto tree = sql::parse(text);
    if (!tree) return found;
    const auto add = [&](int location, const pg_query::Node& argument) {
        if (location < 0 || static_cast<std::size_t>(location) >= character_of_byte.size()) return;
        const int position = character_of_byte[static_cast<std::size_t>(location)];
        if (argument.has_param_ref()) found.emplace(position, argument.param_ref().number());
        const auto add_all = [&](const auto& items) {
            for (const auto& item : items) {
                if (item.has_param_ref()) found.emplace(position, item.param_ref().number());
            }
        };
        if (argument.has_list()) add_all(argument.list().items());
        if (argument.has_a_array_expr()) add_all(argument.a_array_expr().elements());
    };
    sql::visit_nodes(tree->message(), [&](const pg_query::Node& node) {
        if (node.has_a_expr()) {
            add(node.a_expr().location(), node.a_expr().lexpr());
            add(node.a_expr().location(), node.a_expr().rexpr());
        } else if (node.has_func_call()) {
            for (const auto& argument : node.func_call().args()) add(node.func_call().location(), argument);
        }
        return true;
    });
    return found;
}

/// The parameter that the message names; 0 without. Read by its dollar sign, since the words may be in any language.
int named_parameter(const std::string& message) {
    const auto dollar = message.find('$');
    return dollar == std::string::npos ? 0 : std::atoi(message.c_str() + dollar + 1);
}

/// How near an error is to being none: no such function, several that fit, only a type left open.
int progress_of(const ServerError& error) {
    if (error.sqlstate == "42883") return 0;
    if (error.sqlstate == "42725") return 1;
    return error.sqlstate == "42804" || error.sqlstate == "42P18" ? 2 : 0;
}

class Search {
  public:
    Search(std::string_view text, int parameters, const TryTypes& try_types, int max_tries)
        : character_of_byte_(characters(text)),
          places_(occurrences(text, character_of_byte_)),
          direct_(direct_arguments(text, character_of_byte_)),
          parameters_(parameters),
          try_types_(try_types),
          tries_left_(max_tries),
          chosen_(static_cast<std::size_t>(parameters), 0) {}

    std::optional<std::vector<std::uint32_t>> run(ServerError error) {
        std::vector<int> order;
        while (tries_left_ > 0 && is_about_types(error)) {
            // An error without a place (a polymorphic result) is about what was looked at last.
            if (error.position > 0 || named_parameter(error.message) > 0 || order.empty()) order = suspects(error);
            const bool advanced =
                step(error, order, 0, likely) || all_alike() || step(error, order, likely, types.size());
            if (solved_) return chosen_;
            if (!advanced) return std::nullopt;
        }
        return std::nullopt;
    }

  private:
    /// Parameters that may be to blame, most suspect first.
    std::vector<int> suspects(const ServerError& error) const {
        std::vector<int> order;
        const auto add = [&](int parameter) {
            if (parameter >= 1 && parameter <= parameters_ &&
                std::find(order.begin(), order.end(), parameter) == order.end()) {
                order.push_back(parameter);
            }
        };
        if (error.sqlstate == "42P18" || error.sqlstate == "42P08") add(named_parameter(error.message));
        if (error.position > 0) {
            const auto [begin, end] = direct_.equal_range(error.position);
            for (auto it = begin; it != end; ++it) add(it->second);
            auto near = places_;
            std::stable_sort(near.begin(), near.end(), [&](const Occurrence& a, const Occurrence& b) {
                return std::abs(a.position - error.position) < std::abs(b.position - error.position);
            });
            for (const auto& place : near) add(place.parameter);
        }
        for (int parameter = 1; parameter <= parameters_; ++parameter) add(parameter);
        return order;
    }

    /// One parameter gets one type that solves all, or moves the trouble elsewhere (then `error` is that).
    bool step(ServerError& error, const std::vector<int>& order, std::size_t begin, std::size_t end) {
        for (const int parameter : order) {
            auto& type = chosen_[static_cast<std::size_t>(parameter - 1)];
            const auto before = type;
            std::optional<std::pair<std::uint32_t, ServerError>> moved;
            for (std::size_t i = begin; i < end && tries_left_ > 0; ++i) {
                if (types[i].oid == before) continue;
                type = types[i].oid;
                const auto said = attempt();
                if (!said) return true;
                if (!moved && is_better(*said, error, parameter)) {
                    moved.emplace(type, *said);
                    // A parameter that nothing constrained cannot be judged better by further types.
                    if (error.sqlstate == "42P18") break;
                }
            }
            type = before;
            if (!moved) continue;
            type = moved->first;
            error = moved->second;
            seen_.insert({error.sqlstate, error.position, error.message});
            return true;
        }
        return false;
    }

    /// Where several must change at once, they are mostly of one type: SELECT $1, $2 UNION SELECT b, a + b.
    bool all_alike() {
        const auto before = chosen_;
        for (std::size_t i = 0; i < likely && tries_left_ > 0; ++i) {
            chosen_ = before;
            std::replace(chosen_.begin(), chosen_.end(), std::uint32_t{0}, types[i].oid);
            if (!attempt()) return true;
        }
        chosen_ = before;
        return false;
    }

    std::optional<ServerError> attempt() {
        --tries_left_;
        auto said = try_types_(chosen_);
        solved_ = !said.has_value();
        return said;
    }

    bool is_better(const ServerError& now, const ServerError& before, int parameter) const {
        if (!is_about_types(now) || seen_.contains({now.sqlstate, now.position, now.message})) return false;
        // One more parameter without a type is simply the next to be given one.
        if (now.sqlstate == "42P18") return named_parameter(now.message) != parameter;
        if (now.position == before.position) {
            return now.message != before.message && progress_of(now) > progress_of(before);
        }
        // Trouble that the new type itself makes, with another operator or call, is no way forward.
        const auto [begin, end] = direct_.equal_range(now.position);
        return std::none_of(begin, end, [&](const auto& argument) { return argument.second == parameter; });
    }

    std::vector<int> character_of_byte_;
    std::vector<Occurrence> places_;
    std::multimap<int, int> direct_;
    int parameters_;
    const TryTypes& try_types_;
    int tries_left_;
    std::vector<std::uint32_t> chosen_;
    std::set<std::tuple<std::string, int, std::string>> seen_;
    bool solved_ = false;
};

}  // namespace

bool is_about_types(const ServerError& error) {
    // indeterminate, ambiguous function/operator/parameter, undefined function/operator, mismatch, cannot coerce,
    // windowing frame, collation, polymorphic
    for (const std::string_view state : {"42P18", "42725", "42P08", "42883", "42804", "42846", "42P20", "42P22",
                                         "42P21", "22P02", "22007", "42809", "22023", "0A000"}) {
        if (error.sqlstate == state) return true;
    }
    return false;
}

std::optional<std::vector<std::uint32_t>> search_types(std::string_view text, int parameters, const ServerError& first,
                                                       const TryTypes& try_types, int max_tries) {
    if (parameters == 0) return std::nullopt;
    return Search(text, parameters, try_types, max_tries).run(first);
}

std::string_view type_name(std::uint32_t oid) {
    const auto* const found =
        std::find_if(types.begin(), types.end(), [&](const Type& type) { return type.oid == oid; });
    return found == types.end() ? "unknown" : found->name;
}

}  // namespace pganalytics::postgres
