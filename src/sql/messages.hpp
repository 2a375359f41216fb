#pragma once
// Iterating over messages of the tree (ast.hpp) without recursion, and comparing them. Pure functions, thread-safe.

#include <google/protobuf/message.h>

#include <functional>

namespace pganalytics::sql {

/// Parents first, in the order of the text's fields; where `visit` returns false the message's children are left out.
void visit_messages(const google::protobuf::Message& root,
                    const std::function<bool(const google::protobuf::Message&)>& visit);

/// Number of messages under and with `root`, not counting past `give_up_at`: a bound on the tree's depth.
[[nodiscard]] std::size_t count_messages(const google::protobuf::Message& root, std::size_t give_up_at);

/// Equal apart from the fields that say where something stands in the text.
[[nodiscard]] bool equal_messages_apart_from_locations(const google::protobuf::Message& a,
                                                       const google::protobuf::Message& b);

}  // namespace pganalytics::sql
