#pragma once
// A workload from .sql files: statements with literals, judged without pg_stat_statements. Several statements a file,
// comments, CREATE VIEW / DROP VIEW around a query (the view becomes a CTE of the statements that use it, so that
// nothing needs to be created on the target), EXPLAIN in front of a statement. A statement that cannot be used is
// reported and skipped; it never ends the run.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "workload/statement.hpp"

namespace pganalytics::workflow {

/// A statement that was left out, and why.
struct SkippedStatement {
    std::string file;
    int line = 0;           ///< where the statement begins, from 1
    std::string reason;     ///< a sentence
    bool harmless = false;  ///< nothing to judge (BEGIN, SET, CREATE TABLE …), as opposed to a mistake
};

/// Where a statement came from, so that advice can name it.
struct StatementOrigin {
    base::QueryHash query_hash{};
    std::string file;
    int line = 0;
};

struct FileWorkload {
    workload::Workload workload;  ///< equal statements are one, `calls` says how often they stand in the files
    std::vector<StatementOrigin> origins;
    std::vector<SkippedStatement> skipped;
    int files = 0;
};

/// `path`: a file, or a folder whose *.sql files (and those of its subfolders) are read in the order of their names.
/// Errors: fix_input where it does not exist, cannot be read, or holds no .sql file.
[[nodiscard]] base::Result<FileWorkload> read_workload_files(const std::filesystem::path& path,
                                                             std::string_view database_name);

/// One script, for tests and for text that comes from elsewhere.
void add_script(FileWorkload& into, std::string_view script, const std::string& file_name);

}  // namespace pganalytics::workflow
