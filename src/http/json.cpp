#include "http/json.hpp"

#include <cmath>

namespace pganalytics::http {

namespace {

void add_hash_texts(Json& value) {
    if (value.is_array()) {
        for (auto& element : value) add_hash_texts(element);
        return;
    }
    if (!value.is_object()) return;
    for (auto& member : value.items()) add_hash_texts(member.value());
    for (const char* name : {"query_hash", "fingerprint_hash"}) {
        const auto found = value.find(name);
        if (found == value.end()) continue;
        const Json text = found->is_number_integer() ? Json(std::to_string(found->get<std::int64_t>())) : Json(nullptr);
        value[std::string(name) + "_text"] = text;
    }
}

}  // namespace

std::string to_text(Json value) {
    add_hash_texts(value);
    return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

net::Response json_response(Json value, int status) {
    net::Response response;
    response.status = status;
    response.headers.set("Content-Type", "application/json");
    response.body = to_text(std::move(value));
    return response;
}

Json parse_column(const std::string& text) {
    Json value = Json::parse(text, nullptr, false);
    return value.is_discarded() ? Json(nullptr) : value;
}

Json time_or_null(const std::optional<base::Timestamp>& time) {
    return time ? Json(base::to_rfc3339(*time)) : Json(nullptr);
}

Json number_or_null(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace pganalytics::http
