#pragma once
// What must never reach a log, an error, a metric or an answer.

#include <string>
#include <string_view>
#include <utility>

namespace pganalytics::base {

/// A string that has no way to print itself. `reveal()` marks each place where it leaves.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    [[nodiscard]] const std::string& reveal() const { return value_; }
    [[nodiscard]] bool empty() const { return value_.empty(); }

  private:
    std::string value_;
};

/// A connection string (URI or key=value) safe to show: passwords, in the authority, as query parameter or as key
/// (password, sslpassword, …), become "***". Never fails: what cannot be understood is shown as "(connection string)".
[[nodiscard]] std::string redact_conninfo(std::string_view conninfo);

/// Any free text (a driver's error message, a statement) with the secrets that occur in it blanked out:
/// `PASSWORD '…'` literals, password=… pairs and the authority of postgres:// URIs.
[[nodiscard]] std::string redact_text(std::string_view text);

}  // namespace pganalytics::base
