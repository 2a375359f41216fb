#pragma once
// HTTP messages as plain values, the same for server and client. No Boost here.
// Thread safety: values; share only as const.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pganalytics::net {

/// Header fields in the order they came. Names are compared without regard to case (RFC 9110, 5.1).
class Headers {
  public:
    struct Field {
        std::string name;
        std::string value;
    };

    Headers() = default;
    Headers(std::initializer_list<Field> fields) : fields_(fields) {}

    /// Adds a field beside those of the same name.
    void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
    /// Replaces all fields of that name by this one.
    void set(std::string_view name, std::string value);
    /// The first field of that name.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

    [[nodiscard]] auto begin() const { return fields_.begin(); }
    [[nodiscard]] auto end() const { return fields_.end(); }
    [[nodiscard]] std::size_t size() const { return fields_.size(); }

  private:
    std::vector<Field> fields_;
};

struct Request {
    std::string method = "GET";
    std::string target = "/";  ///< origin form as it was sent: path and query, still percent-encoded
    Headers headers{};
    std::string body{};
    std::string peer{};      ///< the other side's address without port; server side only
    bool encrypted = false;  ///< came over TLS; server side only
};

struct Response {
    int status = 200;
    Headers headers{};
    std::string body{};  ///< for HEAD and 304 the server sends the headers that belong to it, and not the body
};

/// "Not Found"; "" for a status nobody has named.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace pganalytics::net
