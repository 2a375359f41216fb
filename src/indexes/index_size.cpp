#include "indexes/index_size.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pganalytics::indexes {
namespace {

constexpr double page_bytes = 8192;
constexpr double page_overhead = 24 + 16;       ///< page header and B-tree's special space
constexpr double leaf_fill = 0.90;              ///< default fillfactor of leaf pages
constexpr double tuple_header = 8;              ///< IndexTupleData
constexpr double line_pointer = 4;              ///< ItemIdData
constexpr double row_address = 6;               ///< ItemPointerData
constexpr double maximum_posting_bytes = 1352;  ///< half of the largest tuple, where deduplication stops merging
constexpr double unknown_width = 16;

double align(double bytes, double to) {
    return std::ceil(bytes / to) * to;
}

/// Types whose equal values may look different ("equal image" is not given): never deduplicated.
bool deduplicates(const catalog::Column& column) {
    constexpr auto exceptions = std::to_array<std::string_view>({"numeric", "float4", "float8", "jsonb"});
    return std::ranges::find(exceptions, column.base_type) == exceptions.end() && column.type_category != "A" &&
           column.type_category != "R" && column.type_category != "C";
}

double width_of(const catalog::Column* column) {
    if (column == nullptr || !column->statistics || column->statistics->average_width <= 0) return unknown_width;
    return column->statistics->average_width;
}

double alignment_of(const catalog::Column* column) {
    if (column == nullptr) return 8;
    const double width = width_of(column);
    if (column->type_category == "S" || column->type_category == "N" || column->type_category == "B" ||
        column->type_category == "D") {
        return width == 8 ? 8 : width == 4 ? 4 : width == 2 ? 2 : 1;
    }
    return 4;
}

double null_fraction(const catalog::Column* column) {
    return column != nullptr && column->statistics ? std::clamp(column->statistics->null_fraction, 0.0, 1.0) : 0;
}

}  // namespace

std::optional<base::Bytes> estimate_index_size(const Candidate& candidate, double rows) {
    if (rows < 0) return std::nullopt;
    double key_bytes = 0;
    double distinct = 1;
    bool merges = true;
    for (const Key& key : candidate.keys) {
        const catalog::Column* column = candidate.relation->find_column(key.column);
        key_bytes = align(key_bytes, alignment_of(column)) + width_of(column) * (1 - null_fraction(column));
        merges = merges && column != nullptr && deduplicates(*column);
        distinct *=
            column != nullptr && column->statistics ? std::max(1.0, column->statistics->distinct_count(rows)) : rows;
    }
    distinct = std::clamp(distinct, 1.0, std::max(1.0, rows));
    const double tuple_bytes = tuple_header + align(key_bytes, 8);
    double leaf_bytes = rows * (tuple_bytes + line_pointer);
    const double repeats = rows / distinct;
    if (merges && repeats > 1) {
        const double addresses_a_tuple = std::max(1.0, (maximum_posting_bytes - tuple_bytes) / row_address);
        const double tuples = distinct * std::max(1.0, std::ceil(repeats / addresses_a_tuple));
        leaf_bytes = std::min(leaf_bytes, tuples * (tuple_bytes + line_pointer) + rows * row_address);
    }
    const double leaf_pages = std::max(1.0, std::ceil(leaf_bytes / ((page_bytes - page_overhead) * leaf_fill)));
    const double entries_an_inner_page = (page_bytes - page_overhead) * 0.7 / (tuple_bytes + line_pointer);
    double pages = 1 + leaf_pages;  // the first page describes the index
    for (double level = leaf_pages; level > 1;) {
        level = std::ceil(level / std::max(2.0, entries_an_inner_page));
        pages += level;
    }
    return base::Bytes{static_cast<std::int64_t>(pages * page_bytes)};
}

}  // namespace pganalytics::indexes
