#pragma once
// Data-driven tests. A `.case` file holds cases, each a line `== name`, the input, a line `----`, the expected text;
// lines before the first case are the file's comment. With PGANALYTICS_UPDATE_CASES set the expected parts are
// rewritten with what came out (`make update-cases`) and the diff is what gets reviewed.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pganalytics::test_support {

struct Case {
    std::string name;
    std::string input;     ///< without the last line feed
    std::string expected;  ///< without the last line feed
    int line = 0;          ///< of `== name`

    /// Lines `key: value` of the input. A line that starts with a blank continues the value before it; a key that
    /// occurs again has its values joined by line feeds. Lines without a key are an error of the file: it throws.
    [[nodiscard]] std::map<std::string, std::string> fields() const;
};

/// Throws where the file cannot be read or is not in the format.
[[nodiscard]] std::vector<Case> read_cases(const std::filesystem::path& file);

/// Runs every case as an expectation of the running test: `produce` gives the text to hold against the expected one.
/// A file without a case fails.
void run_cases(const std::filesystem::path& file, const std::function<std::string(const Case&)>& produce);

/// Every `.case` file directly in the folder, by name; a folder without any fails.
void run_case_folder(const std::filesystem::path& folder, const std::function<std::string(const Case&)>& produce);

}  // namespace pganalytics::test_support
