#include "workflow/run_safety.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "sql/ast.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::workflow {

namespace {

base::Error refuse(std::string reason) {
    return {base::ErrorCode::unsupported, std::move(reason), "", ""};
}

/// Names, without their schemas: any of that name counts, so that a search path cannot hide one.
struct Named {
    std::set<std::string> functions, operators, types;
};

template <typename Names>
std::string last_name(const Names& names) {
    return names.empty() ? std::string() : names[names.size() - 1].string().sval();
}

void collect(const pg_query::Node& node, Named& named) {
    if (node.has_func_call()) named.functions.insert(last_name(node.func_call().funcname()));
    if (node.has_a_expr()) named.operators.insert(last_name(node.a_expr().name()));
    if (node.has_sub_link()) named.operators.insert(last_name(node.sub_link().oper_name()));
    if (node.has_sort_by()) named.operators.insert(last_name(node.sort_by().use_op()));
    if (node.has_type_cast()) named.types.insert(last_name(node.type_cast().type_name().names()));
}

/// What a statement does besides reading, by its tree.
std::string_view writes(const pg_query::Node& node) {
    if (node.has_insert_stmt() || node.has_update_stmt() || node.has_delete_stmt() || node.has_merge_stmt()) {
        return "it writes rows";
    }
    if (node.has_select_stmt() && node.select_stmt().has_into_clause()) return "it makes a table";
    if (node.has_locking_clause()) return "it locks rows";
    return "";
}

class Inspection {
  public:
    explicit Inspection(const catalog::Database& database) : database_(database) {}

    base::Status look_at(std::string_view statement) {
        PGANALYTICS_ASSIGN(const auto tree, sql::parse(statement));
        if (tree.statement_count() != 1) return refuse("it is not one statement");
        if (sql::kind_of(tree) != sql::StatementKind::select) return refuse("it is no SELECT");
        std::string_view what;
        sql::visit_nodes(tree.statement(), [&](const pg_query::Node& node) {
            if (what.empty()) what = writes(node);
            collect(node, named);
            return true;
        });
        if (!what.empty()) return refuse(std::string(what));
        PGANALYTICS_ASSIGN(const auto shape, sql::analyze(tree));
        for (const auto& [schema, name] : shape.base_relations()) {
            PGANALYTICS_RETURN_IF_ERROR(look_at_relation(schema, name));
        }
        return {};
    }

    Named named;
    std::set<std::string> tables;  ///< qualified names

  private:
    base::Status look_at_relation(const std::string& schema, const std::string& name) {
        const auto* relation = database_.find_relation(schema, name);
        if (relation == nullptr) return refuse(fmt::format("what is behind \"{}\" is not known", name));
        if (relation->kind == catalog::RelationKind::foreign_table) {
            return refuse(fmt::format("\"{}\" is read from another server", name));
        }
        if (!tables.insert(relation->qualified_name()).second) return {};
        if (relation->kind != catalog::RelationKind::view) return {};
        return look_at(relation->view_definition);
    }

    const catalog::Database& database_;
};

/// Volatile by the catalog's own word. An aggregate is as volatile as the functions that it is made of; a cast to a
/// type may run the type's input function, a domain's checks, or a function of its own.
constexpr std::string_view volatile_sql = R"(
select 'function ' || p.proname
from pg_proc p
where p.proname = any($1::name[])
  and (p.provolatile = 'v'
       or exists (select from pg_aggregate a
                  join pg_proc t on t.oid in (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggmtransfn, a.aggmfinalfn)
                  where a.aggfnoid = p.oid and t.provolatile = 'v'))
union
select 'operator ' || o.oprname
from pg_operator o join pg_proc p on p.oid = o.oprcode
where o.oprname = any($2::name[]) and p.provolatile = 'v'
union
select 'type ' || t.typname
from pg_type t
where t.typname = any($3::name[])
  and (exists (select from pg_proc p where p.oid = t.typinput and p.provolatile = 'v')
       or exists (select from pg_constraint c where c.contypid = t.oid)
       or exists (select from pg_cast c join pg_proc p on p.oid = c.castfunc where c.casttarget = t.oid and p.provolatile = 'v'))
union
select 'row security of ' || r::text
from unnest($4::regclass[]) r
where row_security_active(r::oid)
order by 1
limit 1)";

std::string array_of(const std::set<std::string>& names) {
    std::string text = "{";
    for (const auto& name : names) {
        if (name.empty()) continue;
        if (text.size() > 1) text += ',';
        text += '"';
        for (const char c : name) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

}  // namespace

base::Status check_only_reads(postgres::Connection& connection, const catalog::Database& database,
                              std::string_view statement) {
    Inspection inspection(database);
    PGANALYTICS_RETURN_IF_ERROR(inspection.look_at(statement));
    const auto& named = inspection.named;
    PGANALYTICS_ASSIGN(const auto rows,
                       connection.query(volatile_sql, {array_of(named.functions), array_of(named.operators),
                                                       array_of(named.types), array_of(inspection.tables)}));
    if (rows.empty()) return {};
    return refuse(fmt::format("{} may do more than read", rows.text(0, 0)));
}

}  // namespace pganalytics::workflow
