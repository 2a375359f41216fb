#pragma once
// A catalog as a case file writes it: tables as CREATE TABLE's own syntax, without CREATE TABLE.
//   orders(id int primary key, buyer int not null, note varchar(20) unique)

#include <string_view>

#include "catalog/catalog.hpp"

namespace pganalytics::test_support {

/// One table per line; `enum name` on a line makes columns of that type enumerations. Version 15. Throws where a line
/// is not understood.
[[nodiscard]] catalog::Database catalog_of(std::string_view schema);

}  // namespace pganalytics::test_support
