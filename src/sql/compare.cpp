#include <algorithm>
#include <array>
#include <vector>

#include "sql/ast.hpp"
#include "sql/messages.hpp"
#include "sql/parse.hpp"

namespace pganalytics::sql {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// Where something stands in the text, under the names of libpg_query's versions.
bool is_location(const FieldDescriptor& field) {
    static constexpr std::array<std::string_view, 9> names = {"location",    "stmt_location",    "stmt_len",
                                                              "stmt_length", "name_location",    "list_start",
                                                              "list_end",    "rexpr_list_start", "rexpr_list_end"};
    return field.cpp_type() == FieldDescriptor::CPPTYPE_INT32 &&
           std::find(names.begin(), names.end(), field.name()) != names.end();
}

bool equal_scalar(const Message& a, const Message& b, const FieldDescriptor& field) {
    const auto& of_a = *a.GetReflection();
    const auto& of_b = *b.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            return of_a.GetInt32(a, &field) == of_b.GetInt32(b, &field);
        case FieldDescriptor::CPPTYPE_INT64:
            return of_a.GetInt64(a, &field) == of_b.GetInt64(b, &field);
        case FieldDescriptor::CPPTYPE_UINT32:
            return of_a.GetUInt32(a, &field) == of_b.GetUInt32(b, &field);
        case FieldDescriptor::CPPTYPE_UINT64:
            return of_a.GetUInt64(a, &field) == of_b.GetUInt64(b, &field);
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return of_a.GetDouble(a, &field) == of_b.GetDouble(b, &field);
        case FieldDescriptor::CPPTYPE_FLOAT:
            return of_a.GetFloat(a, &field) == of_b.GetFloat(b, &field);
        case FieldDescriptor::CPPTYPE_BOOL:
            return of_a.GetBool(a, &field) == of_b.GetBool(b, &field);
        case FieldDescriptor::CPPTYPE_ENUM:
            return of_a.GetEnumValue(a, &field) == of_b.GetEnumValue(b, &field);
        case FieldDescriptor::CPPTYPE_STRING:
            return of_a.GetString(a, &field) == of_b.GetString(b, &field);
        case FieldDescriptor::CPPTYPE_MESSAGE:
            break;
    }
    return false;
}

bool equal_message(const Message& a, const Message& b) {
    const auto* descriptor = a.GetDescriptor();
    if (descriptor != b.GetDescriptor()) return false;
    const auto& of_a = *a.GetReflection();
    const auto& of_b = *b.GetReflection();
    std::vector<const FieldDescriptor*> set_in_a, set_in_b;
    of_a.ListFields(a, &set_in_a);
    of_b.ListFields(b, &set_in_b);
    const auto drop_locations = [](std::vector<const FieldDescriptor*>& fields) {
        std::erase_if(fields, [](const FieldDescriptor* field) { return is_location(*field); });
    };
    drop_locations(set_in_a);
    drop_locations(set_in_b);
    if (set_in_a != set_in_b) return false;
    return std::all_of(set_in_a.begin(), set_in_a.end(), [&](const FieldDescriptor* field) {
        const bool nested = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
        if (!field->is_repeated()) {
            return nested ? equal_message(of_a.GetMessage(a, field), of_b.GetMessage(b, field))
                          : equal_scalar(a, b, *field);
        }
        const int size = of_a.FieldSize(a, field);
        // Every repeated field of the grammar's messages is one of messages; the scalar ones belong to planned trees.
        if (!nested || size != of_b.FieldSize(b, field)) return false;
        for (int i = 0; i < size; ++i) {
            if (!equal_message(of_a.GetRepeatedMessage(a, field, i), of_b.GetRepeatedMessage(b, field, i)))
                return false;
        }
        return true;
    });
}

}  // namespace

bool equal_messages_apart_from_locations(const Message& a, const Message& b) {
    return equal_message(a, b);
}

bool equal_apart_from_locations(const pg_query::ParseResult& a, const pg_query::ParseResult& b) {
    return equal_message(a, b);
}

}  // namespace pganalytics::sql
