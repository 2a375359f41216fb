// Everything in `sql` that takes text from elsewhere must survive any bytes, and keep its promises on them.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "sql/edit.hpp"
#include "sql/identity.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

using namespace pganalytics;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    base::check(base::to_integer(sql::query_hash(text)) > 0, "a hash is positive");
    if (const auto tokens = sql::scan(text)) {
        for (const auto& token : *tokens)
            base::check(token.begin < token.end && token.end <= size, "a token is in the text");
    }
    for (const auto& part : sql::split_script(text)) {
        base::check(part.offset < size && !part.text.empty(), "a statement stands in the script");
    }
    const auto tree = sql::parse(text);
    if (!tree) return 0;
    base::check(sql::equal_apart_from_locations(tree->message(), tree->message()), "a tree equals itself");
    (void)sql::deparse(tree->message());
    (void)sql::analyze(*tree);
    (void)sql::fingerprint_hash(text);
    (void)sql::normalise(text);
    return 0;
}
