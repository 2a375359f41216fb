#pragma once
// Templates made from what a schema is like: its tables, columns, values and the joins that its file names. Each form
// of statement (a range with an aggregate, a join of four tables, a window, an anti-join, …) is tried several times
// with columns and conditions drawn anew. The same seed, schema and values give the same templates.

#include <cstdint>
#include <vector>

#include "corpus/schema_file.hpp"
#include "corpus/values.hpp"

namespace pganalytics::corpus {

/// At most `count` templates, none twice, every form as often as the next where the schema allows it.
[[nodiscard]] std::vector<Template> generate_templates(const SchemaFile& schema, const Data& data, int count,
                                                       std::uint64_t seed);

}  // namespace pganalytics::corpus
