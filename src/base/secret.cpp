#include "base/secret.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>

#include "base/text.hpp"

namespace pganalytics::base {

namespace {

constexpr std::string_view mask = "***";

bool is_secret_key(std::string_view key) {
    const std::string lower = to_lower(key);
    return lower == "password" || lower == "sslpassword" || lower == "passwd" || lower == "pwd" ||
           lower == "scram_client_key" || lower == "scram_server_key" || lower == "oauth_client_secret";
}

std::string redact_uri(std::string_view uri) {
    const auto scheme_end = uri.find("://") + 3;
    const auto query_begin = uri.find('?', scheme_end);
    const std::string_view body = uri.substr(0, query_begin);
    // The password itself may hold '/', '?' or '@' unencoded: everything up to the last '@' of what is left counts as
    // user information, so that no part of it can show.
    std::string text(uri.substr(0, scheme_end));
    const auto at = uri.rfind('@');
    std::string_view rest;
    if (at != std::string_view::npos && (query_begin == std::string_view::npos || at < query_begin)) {
        const std::string_view user_info = uri.substr(scheme_end, at - scheme_end);
        const auto colon = user_info.find(':');
        text += user_info.substr(0, colon);
        if (colon != std::string_view::npos) text += ":***";
        rest = uri.substr(at);
    } else if (at != std::string_view::npos) {
        const auto slash = body.find('/', scheme_end);
        if (slash == std::string_view::npos || body.find(':', scheme_end) < slash) return text + std::string(mask);
        rest = uri.substr(scheme_end);
    } else {
        rest = uri.substr(scheme_end);
    }
    const auto query = rest.find('?');
    if (query == std::string_view::npos) return text + std::string(rest);
    text += rest.substr(0, query + 1);
    bool first = true;
    for (const auto& pair : split(rest.substr(query + 1), '&')) {
        if (!first) text += '&';
        first = false;
        const auto equals = pair.find('=');
        if (equals != std::string::npos && is_secret_key(std::string_view(pair).substr(0, equals))) {
            text += pair.substr(0, equals + 1) + std::string(mask);
        } else {
            text += pair;
        }
    }
    return text;
}

std::string redact_pairs(std::string_view conninfo) {
    std::string text;
    std::size_t i = 0;
    const auto blank = [&](std::size_t at) { return std::isspace(static_cast<unsigned char>(conninfo[at])) != 0; };
    while (i < conninfo.size()) {
        if (blank(i)) {
            text += conninfo[i++];
            continue;
        }
        const std::size_t key_begin = i;
        while (i < conninfo.size() && conninfo[i] != '=' && !blank(i)) ++i;
        const std::string_view key = conninfo.substr(key_begin, i - key_begin);
        while (i < conninfo.size() && blank(i)) ++i;
        if (i >= conninfo.size() || conninfo[i] != '=') return "(connection string)";
        ++i;
        while (i < conninfo.size() && blank(i)) ++i;
        const std::size_t value_begin = i;
        if (i < conninfo.size() && conninfo[i] == '\'') {
            for (++i; i < conninfo.size() && conninfo[i] != '\''; ++i) {
                if (conninfo[i] == '\\') ++i;
            }
            i = std::min(i + 1, conninfo.size());
        } else {
            for (; i < conninfo.size() && !blank(i); ++i) {
                if (conninfo[i] == '\\') ++i;
            }
            i = std::min(i, conninfo.size());
        }
        text += std::string(key) + "=";
        text += is_secret_key(key) ? mask : conninfo.substr(value_begin, i - value_begin);
    }
    return text;
}

}  // namespace

std::string redact_conninfo(std::string_view conninfo) {
    if (conninfo.starts_with("postgres://") || conninfo.starts_with("postgresql://")) return redact_uri(conninfo);
    if (conninfo.find('=') == std::string_view::npos) return std::string(conninfo);  // a database's name
    return redact_pairs(conninfo);
}

std::string redact_text(std::string_view text) {
    // Cheap look first: most texts hold none of these words, and std::regex is slow.
    const std::string lower = to_lower(text);
    const bool has_word = lower.find("password") != std::string::npos || lower.find("passwd") != std::string::npos ||
                          lower.find("pwd") != std::string::npos;
    const bool has_uri = lower.find("://") != std::string::npos;
    const bool has_bearer = lower.find("bearer ") != std::string::npos;
    if (!has_word && !has_uri && !has_bearer) return std::string(text);
    std::string result(text.substr(0, 65536));
    if (has_uri) {
        static const std::regex authority(R"(([a-z][a-z0-9+]*://[^\s:/@]*):[^\s]*@)",
                                          std::regex::icase | std::regex::optimize);
        result = std::regex_replace(result, authority, "$1:***@");
    }
    if (has_word) {
        static const std::regex pair(
            R"re(((?:ssl)?passw(?:or)?d|pwd)(\s*=\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s&;,"']+))re",
            std::regex::icase | std::regex::optimize);
        static const std::regex literal(R"re((password\s+)(e?'(?:[^'\\]|\\.|'')*'))re",
                                        std::regex::icase | std::regex::optimize);
        result = std::regex_replace(result, pair, "$1$2***");
        result = std::regex_replace(result, literal, "$1'***'");
    }
    if (has_bearer) {
        static const std::regex token(R"((bearer\s+)[A-Za-z0-9._~+/=-]+)", std::regex::icase | std::regex::optimize);
        result = std::regex_replace(result, token, "$1***");
    }
    return result;
}

}  // namespace pganalytics::base
