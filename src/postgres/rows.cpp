#include <charconv>

#include "base/text.hpp"
#include "postgres/connection_impl.hpp"

namespace pganalytics::postgres {

Rows::Rows() = default;
Rows::Rows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rows::~Rows() = default;
Rows::Rows(Rows&&) noexcept = default;
Rows& Rows::operator=(Rows&&) noexcept = default;

std::size_t Rows::size() const {
    return impl_ ? static_cast<std::size_t>(PQntuples(impl_->result.get())) : 0;
}

std::size_t Rows::column_count() const {
    return impl_ ? static_cast<std::size_t>(PQnfields(impl_->result.get())) : 0;
}

std::string_view Rows::column_name(std::size_t column) const {
    base::check(column < column_count(), "column_name(): no such column");
    return PQfname(impl_->result.get(), static_cast<int>(column));
}

std::optional<std::size_t> Rows::find_column(std::string_view name) const {
    for (std::size_t column = 0; column < column_count(); ++column) {
        if (column_name(column) == name) return column;
    }
    return std::nullopt;
}

std::optional<std::string_view> Rows::cell(std::size_t row, std::size_t column) const {
    base::check(row < size() && column < column_count(), "cell(): no such row or column");
    const auto* const result = impl_->result.get();
    const int r = static_cast<int>(row);
    const int c = static_cast<int>(column);
    if (PQgetisnull(result, r, c) != 0) return std::nullopt;
    return std::string_view(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c)));
}

std::string Rows::text(std::size_t row, std::size_t column) const {
    return base::to_valid_utf8(cell(row, column).value_or(std::string_view()));
}

std::optional<std::int64_t> Rows::integer(std::size_t row, std::size_t column) const {
    const auto value = cell(row, column);
    return value ? base::parse_integer(*value) : std::nullopt;
}

std::optional<double> Rows::number(std::size_t row, std::size_t column) const {
    const auto value = cell(row, column);
    return value ? base::parse_number(*value) : std::nullopt;
}

bool Rows::boolean(std::size_t row, std::size_t column) const {
    return cell(row, column) == "t";
}

std::int64_t Rows::affected() const {
    if (!impl_) return 0;
    return base::parse_integer(PQcmdTuples(impl_->result.get())).value_or(0);
}

}  // namespace pganalytics::postgres
