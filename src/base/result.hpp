#pragma once
// Result<T>: a value or an Error, with the member names of std::expected (C++23), which Debian 12's compiler lacks.
// Never ignored (nodiscard); reading the value of a failed result aborts, because that is a bug.

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "base/error.hpp"

namespace pganalytics::base {

template <typename T>
class [[nodiscard]] Result {
  public:
    using value_type = T;
    using error_type = Error;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    template <typename U>
    requires(!std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && std::is_convertible_v<U&&, T>) Result(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    [[nodiscard]] T& value() & { return require_value(), *std::get_if<0>(&state_); }
    [[nodiscard]] const T& value() const& { return require_value(), *std::get_if<0>(&state_); }
    [[nodiscard]] T&& value() && { return require_value(), std::move(*std::get_if<0>(&state_)); }
    [[nodiscard]] T& operator*() & { return value(); }
    [[nodiscard]] const T& operator*() const& { return value(); }
    [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
    [[nodiscard]] T* operator->() { return &value(); }
    [[nodiscard]] const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& {
        check(!has_value(), "error() of a result that holds a value");
        return *std::get_if<1>(&state_);
    }
    [[nodiscard]] Error&& error() && {
        check(!has_value(), "error() of a result that holds a value");
        return std::move(*std::get_if<1>(&state_));
    }

    template <typename U>
    [[nodiscard]] T value_or(U&& otherwise) const& {
        return has_value() ? value() : static_cast<T>(std::forward<U>(otherwise));
    }

  private:
    void require_value() const {
        if (!has_value()) fail_invariant("value() of a failed result: " + std::get_if<1>(&state_)->message);
    }

    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    using value_type = void;
    using error_type = Error;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }

    [[nodiscard]] const Error& error() const& {
        check(error_.has_value(), "error() of a result that holds a value");
        return *error_;
    }
    [[nodiscard]] Error&& error() && {
        check(error_.has_value(), "error() of a result that holds a value");
        return std::move(*error_);
    }

  private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace pganalytics::base

/// Gives the error of a failed expression to the caller, else goes on.
#define PGANALYTICS_RETURN_IF_ERROR(expression)                                                                        \
    do {                                                                                                               \
        if (auto pganalytics_status = (expression); !pganalytics_status) return std::move(pganalytics_status).error(); \
    } while (false)

#define PGANALYTICS_CONCAT_INNER(a, b) a##b
#define PGANALYTICS_CONCAT(a, b) PGANALYTICS_CONCAT_INNER(a, b)

/// `PGANALYTICS_ASSIGN(auto tree, parse(text));` binds the value, or gives the error to the caller.
#define PGANALYTICS_ASSIGN(declaration, expression)                                  \
    auto PGANALYTICS_CONCAT(pganalytics_result_, __LINE__) = (expression);           \
    if (!PGANALYTICS_CONCAT(pganalytics_result_, __LINE__))                          \
        return std::move(PGANALYTICS_CONCAT(pganalytics_result_, __LINE__)).error(); \
    declaration = std::move(PGANALYTICS_CONCAT(pganalytics_result_, __LINE__)).value()
