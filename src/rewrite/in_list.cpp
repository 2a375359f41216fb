#include "rewrite/in_list.hpp"

#include <algorithm>
#include <string_view>

#include "sql/walk.hpp"

namespace pganalytics::rewrite {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool is_value_list(const pg_query::A_Expr& expression) {
    if (expression.kind() != pg_query::AEXPR_IN || !expression.rexpr().has_list()) return false;
    const auto& items = expression.rexpr().list().items();
    return !items.empty() && std::all_of(items.begin(), items.end(),
                                         [](const pg_query::Node& item) { return list_item(item).has_value(); });
}

/// Writes a tree down, with values and IN lists left out.
class Writer {
  public:
    [[nodiscard]] Family write(const pg_query::ParseResult& tree) {
        message(tree, false);
        return std::move(family_);
    }

  private:
    /// `keep_constants`: below, constants are part of the statement and not values.
    void message(const Message& from, bool keep_constants) {
        const auto* descriptor = from.GetDescriptor();
        if (descriptor == pg_query::Node::descriptor()) {
            const auto& node = static_cast<const pg_query::Node&>(from);
            if (node.has_param_ref() || (node.has_a_const() && !keep_constants)) {
                family_.key += '?';
                return;
            }
            if (node.has_a_expr() && is_value_list(node.a_expr())) {
                const auto& expression = node.a_expr();
                const bool negated = expression.name(0).string().sval() == "<>";
                family_.lists.push_back({&expression, &node, negated});
                family_.key += negated ? "!IN" : "IN";
                message(expression.lexpr(), false);
                return;
            }
        }
        const bool positions = descriptor == pg_query::SortBy::descriptor() ||
                               descriptor == pg_query::TypeName::descriptor() ||
                               descriptor == pg_query::GroupingSet::descriptor();
        family_.key += '{';
        const auto* reflection = from.GetReflection();
        std::vector<const FieldDescriptor*> fields;
        reflection->ListFields(from, &fields);
        for (const auto* field : fields) this->field(from, *field, positions);
        family_.key += '}';
    }

    void field(const Message& from, const FieldDescriptor& field, bool positions) {
        const auto* reflection = from.GetReflection();
        const std::string_view name = field.name();
        if (name == "location" || name == "stmt_location" || name == "stmt_len" || name.starts_with("rexpr_list_") ||
            name.starts_with("list_")) {
            return;
        }
        family_.key += std::to_string(field.number());
        family_.key += ':';
        if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
            scalar(from, field);
            return;
        }
        const bool keep = positions || name == "group_clause";
        if (!field.is_repeated()) {
            message(reflection->GetMessage(from, &field), keep);
            return;
        }
        const int size = reflection->FieldSize(from, &field);
        for (int i = 0; i < size; ++i) message(reflection->GetRepeatedMessage(from, &field, i), keep);
    }

    void scalar(const Message& from, const FieldDescriptor& field) {
        if (field.is_repeated()) return;  // bitmaps of planned trees: never in a parse tree
        const auto* reflection = from.GetReflection();
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_INT32:
                family_.key += std::to_string(reflection->GetInt32(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_INT64:
                family_.key += std::to_string(reflection->GetInt64(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_UINT32:
                family_.key += std::to_string(reflection->GetUInt32(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_UINT64:
                family_.key += std::to_string(reflection->GetUInt64(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_DOUBLE:
                family_.key += std::to_string(reflection->GetDouble(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_FLOAT:
                family_.key += std::to_string(reflection->GetFloat(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_BOOL:
                family_.key += reflection->GetBool(from, &field) ? 't' : 'f';
                break;
            case FieldDescriptor::CPPTYPE_ENUM:
                family_.key += std::to_string(reflection->GetEnumValue(from, &field));
                break;
            case FieldDescriptor::CPPTYPE_STRING: {
                const auto text = reflection->GetString(from, &field);
                family_.key += std::to_string(text.size()) + '"' + text;
                break;
            }
            case FieldDescriptor::CPPTYPE_MESSAGE:
                break;
        }
        family_.key += ',';
    }

    Family family_;
};

}  // namespace

std::size_t InList::length() const {
    return static_cast<std::size_t>(expression->rexpr().list().items_size());
}

Family family_of(const pg_query::ParseResult& tree) {
    return Writer().write(tree);
}

// The casts give back what the caller has anyway: the tree is theirs to change.
std::vector<pg_query::A_Expr*> mutable_lists(pg_query::ParseResult& tree) {
    std::vector<pg_query::A_Expr*> found;
    for (const auto& list : family_of(tree).lists) found.push_back(const_cast<pg_query::A_Expr*>(list.expression));
    return found;
}

std::vector<pg_query::ParamRef*> mutable_parameters(pg_query::ParseResult& tree) {
    std::vector<pg_query::ParamRef*> found;
    sql::visit_nodes(tree, [&found](const pg_query::Node& node) {
        if (node.has_param_ref()) found.push_back(const_cast<pg_query::ParamRef*>(&node.param_ref()));
        return true;
    });
    return found;
}

std::optional<ListItem> list_item(const pg_query::Node& item) {
    ListItem result;
    const pg_query::Node* inner = &item;
    while (inner->has_type_cast()) {
        if (result.cast == nullptr) result.cast = &inner->type_cast().type_name();
        inner = &inner->type_cast().arg();
    }
    if (inner->has_a_const()) {
        result.constant = &inner->a_const();
        // TRUE and FALSE carry a cast of the grammar's own.
        if (result.constant->has_boolval()) result.cast = nullptr;
        return result;
    }
    if (inner->has_param_ref()) {
        result.parameter = &inner->param_ref();
        return result;
    }
    return std::nullopt;
}

}  // namespace pganalytics::rewrite
