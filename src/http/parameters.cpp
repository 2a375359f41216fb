#include "http/parameters.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.hpp"

namespace pganalytics::http {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            decoded += ' ';
        } else if (text[i] != '%') {
            decoded += text[i];
        } else {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            decoded += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    // PostgreSQL's text holds neither zero bytes nor broken UTF-8.
    if (decoded.find('\0') != std::string::npos || base::to_valid_utf8(decoded) != decoded) return std::nullopt;
    return decoded;
}

std::string percent_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded;
}

Parameters::Parameters(std::string_view query) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        const auto equals = std::min(pair.find('='), pair.size());
        const auto name = percent_decode(pair.substr(0, equals), true);
        const auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) {
            refuse(name.value_or("query"), "is not percent-encoded UTF-8");
            continue;
        }
        given_.emplace_back(*name, *value);
    }
}

std::optional<std::string> Parameters::take(std::string_view name) {
    known_.emplace_back(name);
    const auto of_that_name = [&](const auto& pair) { return pair.first == name; };
    const auto found = std::ranges::find_if(given_, of_that_name);
    if (found == given_.end()) return std::nullopt;
    if (std::ranges::count_if(given_, of_that_name) > 1) refuse(name, "is given more than once");
    return found->second;
}

std::optional<std::string> Parameters::text(std::string_view name, std::size_t max_bytes) {
    auto value = take(name);
    if (!value) return std::nullopt;
    if (value->empty()) {
        refuse(name, "is empty");
        return std::nullopt;
    }
    if (value->size() > max_bytes) {
        refuse(name, fmt::format("is longer than {} bytes", max_bytes));
        return std::nullopt;
    }
    return value;
}

std::optional<std::int64_t> Parameters::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    const auto number = base::parse_integer(*value);
    if (!number || *number < least || *number > most) {
        refuse(name, fmt::format("must be an integer from {} to {}", least, most));
        return std::nullopt;
    }
    return number;
}

std::optional<double> Parameters::number(std::string_view name, double least, double most) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    const auto number = base::parse_number(*value);
    // Written so that NaN, which compares with nothing, is refused.
    if (!number || !(*number >= least && *number <= most)) {
        refuse(name, fmt::format("must be a number from {} to {}", least, most));
        return std::nullopt;
    }
    return number;
}

std::optional<bool> Parameters::boolean(std::string_view name) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    if (*value == "true") return true;
    if (*value == "false") return false;
    refuse(name, "must be true or false");
    return std::nullopt;
}

std::optional<std::string> Parameters::choice(std::string_view name, std::span<const std::string_view> names) {
    const auto value = take(name);
    if (!value) return std::nullopt;
    if (std::ranges::find(names, std::string_view(*value)) == names.end()) {
        refuse(name, fmt::format("must be one of {}", fmt::join(names, ", ")));
        return std::nullopt;
    }
    return value;
}

bool Parameters::flag(std::string_view name) {
    return take(name).has_value();
}

void Parameters::refuse(std::string_view field, std::string message) {
    faults_.push_back({std::string(field), std::move(message)});
}

std::optional<Problem> Parameters::problem() const {
    std::vector<FieldError> faults = faults_;
    for (const auto& [name, value] : given_) {
        if (std::ranges::find(known_, name) != known_.end()) continue;
        const auto near = base::nearest_name(name, known_);
        faults.push_back({name, near ? fmt::format("is not a parameter of this route; {} is", *near)
                                     : "is not a parameter of this route"});
    }
    if (faults.empty()) return std::nullopt;
    Problem problem(base::Error{base::ErrorCode::fix_input,
                                fmt::format("{} {}.", faults.front().field, faults.front().message), "", ""});
    problem.fields = std::move(faults);
    return problem;
}

std::string Parameters::with(std::string_view name, std::string_view value) const {
    std::string query;
    const auto append = [&](std::string_view key, std::string_view text) {
        if (!query.empty()) query += '&';
        query += percent_encode(key) + "=" + percent_encode(text);
    };
    for (const auto& [key, text] : given_) {
        if (key != name) append(key, text);
    }
    append(name, value);
    return query;
}

base::Result<base::QueryHash> parse_query_hash(std::string_view text, std::string_view field) {
    const auto number = base::parse_integer(text);
    if (!number || *number <= 0) {
        return base::Error{base::ErrorCode::fix_input,
                           fmt::format("{} must be a positive integer of at most 63 bits.", field),
                           "Take it from query_hash_text: programs that read JSON numbers as doubles lose digits.",
                           std::string(field)};
    }
    return base::QueryHash{*number};
}

base::Result<std::int64_t> parse_id(std::string_view text, std::string_view field) {
    const auto number = base::parse_integer(text);
    if (!number || *number <= 0) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("{} must be a positive integer.", field), "",
                           std::string(field)};
    }
    return *number;
}

}  // namespace pganalytics::http
