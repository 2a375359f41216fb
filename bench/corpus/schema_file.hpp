#pragma once
// A schema of the corpus as a file, bench/corpus/schemas/<name>.sql: SQL with a few words in comments.
//
//   -- section: tables       made at each scale; `{rows 20000}` is that number times the scale
//   -- section: indexes      secondary indexes: half of the measurements are made before they exist
//   -- section: joins        `-- join: orders.customer_id = customers.id`, child first: what generated statements
//   follow
//   -- section: templates    `-- template: name`, then one statement with holes (values.hpp)
//
// What stands before the first section describes the schema. Errors: fix_input, naming file and line.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace pganalytics::corpus {

struct Join {
    std::string child, child_column, parent, parent_column;
};

/// One statement with holes. What changes rows runs in a transaction that is rolled back.
struct Template {
    std::string name;
    std::string text;
    bool writes = false;
};

struct SchemaFile {
    std::string name;
    std::vector<std::string> tables, indexes;  ///< statements; those of `tables` still have their `{rows n}`
    std::vector<Join> joins;
    std::vector<Template> templates;

    [[nodiscard]] std::vector<std::string> tables_at(double scale) const;
};

[[nodiscard]] base::Result<SchemaFile> parse_schema(std::string_view name, std::string_view text);
/// All *.sql of a folder by name, or those named in `only`.
[[nodiscard]] base::Result<std::vector<SchemaFile>> read_schemas(const std::filesystem::path& folder,
                                                                 const std::vector<std::string>& only);

}  // namespace pganalytics::corpus
