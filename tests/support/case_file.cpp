#include "support/case_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace pganalytics::test_support {
namespace {

struct CaseFile {
    std::string comment;
    std::vector<Case> cases;
};

std::string without_last_line_feeds(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

CaseFile read(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) throw std::runtime_error("cannot read " + file.string());
    CaseFile result;
    std::string line;
    bool in_expected = false;
    for (int number = 1; std::getline(stream, line); ++number) {
        if (line.starts_with("== ")) {
            result.cases.push_back({.name = line.substr(3), .input = {}, .expected = {}, .line = number});
            in_expected = false;
        } else if (result.cases.empty()) {
            result.comment += line + '\n';
        } else if (line == "----" && !in_expected) {
            in_expected = true;
        } else {
            (in_expected ? result.cases.back().expected : result.cases.back().input) += line + '\n';
        }
    }
    for (Case& one : result.cases) {
        one.input = without_last_line_feeds(one.input);
        one.expected = without_last_line_feeds(one.expected);
    }
    return result;
}

void write(const std::filesystem::path& file, const CaseFile& contents) {
    std::ofstream stream(file, std::ios::trunc);
    stream << contents.comment;
    for (std::size_t i = 0; i < contents.cases.size(); ++i) {
        const Case& one = contents.cases[i];
        stream << (i > 0 ? "\n" : "") << "== " << one.name << '\n' << one.input << "\n----\n" << one.expected << '\n';
    }
    if (!stream.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace

std::map<std::string, std::string> Case::fields() const {
    std::map<std::string, std::string> result;
    std::string* current = nullptr;
    std::istringstream stream(input);
    for (std::string text; std::getline(stream, text);) {
        if (text.starts_with(' ') && current != nullptr) {
            *current += '\n' + text.substr(text.find_first_not_of(' '));
            continue;
        }
        const auto colon = text.find(':');
        if (colon == std::string::npos) throw std::runtime_error("case " + name + ": no key in \"" + text + '"');
        const auto begin = text.find_first_not_of(' ', colon + 1);
        const std::string value = begin == std::string::npos ? "" : text.substr(begin);
        const auto [place, fresh] = result.try_emplace(text.substr(0, colon), value);
        if (!fresh) place->second += '\n' + value;
        current = &place->second;
    }
    return result;
}

std::vector<Case> read_cases(const std::filesystem::path& file) {
    return read(file).cases;
}

void run_cases(const std::filesystem::path& file, const std::function<std::string(const Case&)>& produce) {
    CaseFile contents = read(file);
    ASSERT_FALSE(contents.cases.empty()) << file << " holds no case";
    const bool update = std::getenv("PGANALYTICS_UPDATE_CASES") != nullptr;
    for (Case& one : contents.cases) {
        const std::string produced = without_last_line_feeds(produce(one));
        if (update) {
            one.expected = produced;
            continue;
        }
        EXPECT_EQ(produced, one.expected) << file.string() << ':' << one.line << ": " << one.name;
    }
    if (update) write(file, contents);
}

void run_case_folder(const std::filesystem::path& folder, const std::function<std::string(const Case&)>& produce) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".case") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    ASSERT_FALSE(files.empty()) << folder << " holds no case file";
    for (const auto& file : files) run_cases(file, produce);
}

}  // namespace pganalytics::test_support
