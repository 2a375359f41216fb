#pragma once
// The target of a request: path, and query parameters read one by one. Every fault is collected, so that the client
// hears of all of them at once; a parameter that nobody read is a fault too, with the nearest known name.
// Errors: `problem()`, status 400 with `errors` [{field, message}].
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "http/problem.hpp"

namespace pganalytics::http {

/// %XX and, in queries, + decoded. Nothing where an escape is broken or the bytes are not UTF-8.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Everything but unreserved characters (RFC 3986, 2.3) escaped.
[[nodiscard]] std::string percent_encode(std::string_view text);

class Parameters {
  public:
    /// `query` is what follows the question mark.
    explicit Parameters(std::string_view query);

    [[nodiscard]] std::optional<std::string> text(std::string_view name, std::size_t max_bytes = 1000);
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
    [[nodiscard]] std::optional<double> number(std::string_view name, double least, double most);
    [[nodiscard]] std::optional<bool> boolean(std::string_view name);
    /// One of `names`.
    [[nodiscard]] std::optional<std::string> choice(std::string_view name, std::span<const std::string_view> names);
    /// Present, with any value or none: `?verbose`.
    [[nodiscard]] bool flag(std::string_view name);

    void refuse(std::string_view field, std::string message);
    /// After all are read: what was wrong, if anything was.
    [[nodiscard]] std::optional<Problem> problem() const;

    /// The query with `name` replaced: for links to other pages of the same list.
    [[nodiscard]] std::string with(std::string_view name, std::string_view value) const;

  private:
    std::optional<std::string> take(std::string_view name);

    std::vector<std::pair<std::string, std::string>> given_;
    std::vector<std::string> known_;
    std::vector<FieldError> faults_;
};

/// A positive 63-bit integer in a path or parameter; the error names `field`.
[[nodiscard]] base::Result<base::QueryHash> parse_query_hash(std::string_view text, std::string_view field);
[[nodiscard]] base::Result<std::int64_t> parse_id(std::string_view text, std::string_view field);

}  // namespace pganalytics::http
