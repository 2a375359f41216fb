#include "simulation/shop_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "simulation/shop_files.hpp"

namespace pganalytics::simulation {

namespace {

base::Error malformed(std::string_view what) {
    return {base::ErrorCode::internal, fmt::format("The sample's model is not well-formed: {}", what), "", ""};
}

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

bool is_place_character(char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || c == '.' || c == ':';
}

}  // namespace

std::uint64_t ShopNames::choose(std::string_view key) const {
    base::StableHash hash;
    hash.add(seed_);
    hash.add(key);
    return hash.digest();
}

double ShopNames::choose_between(std::string_view key, double low, double high) const {
    if (seed_ == 0) return (low + high) / 2;
    const double share = static_cast<double>(choose(key) >> 11) / 9007199254740992.0;
    return low + share * (high - low);
}

base::Result<ShopNames> ShopNames::make(std::uint64_t seed, double scale) {
    return from_model(shop_files::model(), seed, scale);
}

base::Result<ShopNames> ShopNames::from_model(std::string_view model, std::uint64_t seed, double scale) {
    if (!(scale >= 0.01 && scale <= 100)) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("A shop of scale {} cannot be made", scale),
                           "Give a scale between 0.01 and 100.", "scale"};
    }
    ShopNames names;
    names.seed_ = seed;
    names.scale_ = scale;
    for (const auto& line : base::split(model, '\n')) {
        const auto text = base::trim(line);
        if (text.empty() || text.front() == '#') continue;
        PGANALYTICS_RETURN_IF_ERROR(names.read_line(text));
    }
    return names;
}

base::Status ShopNames::read_line(std::string_view line) {
    const auto colon = line.find(" : ");
    const auto head = words_of(colon == std::string_view::npos ? line : line.substr(0, colon));
    const auto choices = words_of(colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 3));
    const auto pick = [&](const std::string& key) { return choices[seed_ == 0 ? 0 : choose(key) % choices.size()]; };

    if (head[0] == "dial") {
        const auto low = head.size() == 4 ? base::parse_number(head[2]) : std::nullopt;
        const auto high = head.size() == 4 ? base::parse_number(head[3]) : std::nullopt;
        if (!low || !high) return malformed(line);
        dials_[head[1]] = choose_between("dial " + head[1], *low, *high);
        return {};
    }
    if (choices.empty()) return malformed(line);
    if (head[0] == "prefix") {
        prefix_ = pick("prefix") == "-" ? "" : pick("prefix");
        return {};
    }
    if (head[0] == "texts") {
        const auto wanted = head.size() == 3 ? base::parse_integer(head[2]) : std::nullopt;
        if (!wanted || *wanted < 1 || static_cast<std::size_t>(*wanted) > choices.size()) return malformed(line);
        auto words = choices;
        if (seed_ != 0) {
            std::sort(words.begin(), words.end(), [&](const std::string& a, const std::string& b) {
                return choose(head[1] + " " + a) < choose(head[1] + " " + b);
            });
        }
        words.resize(static_cast<std::size_t>(*wanted));
        texts_[head[1]] = std::move(words);
        return {};
    }
    if (head[0] == "table") {
        const auto rows = head.size() >= 3 ? base::parse_integer(head[2]) : std::nullopt;
        if (!rows) return malformed(line);
        const bool fixed = head.size() == 4 && head[3] == "fixed";
        const double factor = fixed ? 1 : scale_ * (seed_ == 0 ? 1 : choose_between("rows " + head[1], 0.85, 1.2));
        const auto scaled = std::llround(static_cast<double>(*rows) * factor);
        tables_.push_back({head[1], prefix_ + pick("table " + head[1]), std::max<std::int64_t>(scaled, 50), {}});
        return {};
    }
    if (head.size() != 1 || tables_.empty()) return malformed(line);
    tables_.back().columns[head[0]] = pick(tables_.back().key + "." + head[0]);
    return {};
}

const ShopTable* ShopNames::find_table(std::string_view key) const {
    const auto found =
        std::find_if(tables_.begin(), tables_.end(), [&](const auto& table) { return table.key == key; });
    return found == tables_.end() ? nullptr : &*found;
}

const std::vector<std::string>* ShopNames::find_texts(std::string_view key) const {
    const auto found = texts_.find(key);
    return found == texts_.end() ? nullptr : &found->second;
}

base::Result<std::string> ShopNames::resolve(std::string_view place) const {
    const auto unknown = malformed(fmt::format("nothing is called {{{}}}", place));
    if (place == "seed") return std::to_string(seed_);
    if (place == "now") return fmt::format("timestamptz '{}'", shop_now);

    if (const auto colon = place.find(':'); colon != std::string_view::npos) {
        const auto what = place.substr(0, colon);
        const auto key = place.substr(colon + 1);
        if (what == "dial") {
            const auto found = dials_.find(key);
            if (found == dials_.end()) return unknown;
            return fmt::format("{:.6f}", found->second);
        }
        if (what == "rows" || what == "next") {
            const auto* table = find_table(key);
            if (table == nullptr) return unknown;
            return std::to_string(table->rows + (what == "next" ? 1 : 0));
        }
        const auto* words = find_texts(key);
        if (words == nullptr) return unknown;
        if (what == "word") return words->front();
        if (what == "count") return std::to_string(words->size());
        if (what == "texts") return fmt::format("array['{}']", base::join(*words, "', '"));
        return unknown;
    }

    const auto dot = place.find('.');
    const auto* table = find_table(place.substr(0, dot));
    if (table == nullptr) return unknown;
    if (dot == std::string_view::npos) return table->name;
    const auto column = table->columns.find(place.substr(dot + 1));
    if (column == table->columns.end()) return unknown;
    return column->second;
}

base::Result<std::string> ShopNames::render(std::string_view text) const {
    std::string rendered;
    for (std::size_t at = 0; at < text.size();) {
        const auto open = text.find('{', at);
        if (open == std::string_view::npos) {
            rendered += text.substr(at);
            break;
        }
        auto end = open + 1;
        while (end < text.size() && is_place_character(text[end])) ++end;
        if (end == open + 1 || end >= text.size() || text[end] != '}') {
            rendered += text.substr(at, open + 1 - at);
            at = open + 1;
            continue;
        }
        rendered += text.substr(at, open - at);
        PGANALYTICS_ASSIGN(const auto name, resolve(text.substr(open + 1, end - open - 1)));
        rendered += name;
        at = end + 1;
    }
    return rendered;
}

}  // namespace pganalytics::simulation
