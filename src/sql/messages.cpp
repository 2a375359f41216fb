#include "sql/messages.hpp"

#include <algorithm>
#include <vector>

namespace pganalytics::sql {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void visit_messages(const Message& root, const std::function<bool(const Message&)>& visit) {
    std::vector<const Message*> open{&root};
    std::vector<const FieldDescriptor*> fields;
    while (!open.empty()) {
        const Message* message = open.back();
        open.pop_back();
        if (!visit(*message)) continue;
        const auto* reflection = message->GetReflection();
        fields.clear();
        reflection->ListFields(*message, &fields);
        const auto first_child = static_cast<std::ptrdiff_t>(open.size());
        for (const auto* field : fields) {
            if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
            if (!field->is_repeated()) {
                open.push_back(&reflection->GetMessage(*message, field));
                continue;
            }
            for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
                open.push_back(&reflection->GetRepeatedMessage(*message, field, i));
            }
        }
        std::reverse(open.begin() + first_child, open.end());
    }
}

std::size_t count_messages(const Message& root, std::size_t give_up_at) {
    std::size_t count = 0;
    visit_messages(root, [&count, give_up_at](const Message&) { return ++count <= give_up_at; });
    return count;
}

}  // namespace pganalytics::sql
