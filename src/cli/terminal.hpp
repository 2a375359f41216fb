#pragma once
// Where the words go. Results on `out`, everything else (progress, notes, errors) on `err`, so that results can be
// piped. Colours and the progress line only where the stream is a terminal and NO_COLOR is not set.

#include <iosfwd>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace pganalytics::cli {

enum class Style { plain, bold, dim, good, warning, bad };

class Terminal {
  public:
    Terminal(std::ostream& out, std::ostream& err, bool out_is_terminal, bool err_is_terminal, bool colours,
             int columns);
    /// The process's own standard streams.
    [[nodiscard]] static Terminal standard();

    [[nodiscard]] std::ostream& out() { return *out_; }
    /// Columns of the terminal that `out` is; 0 where it is none (do not cut anything then).
    [[nodiscard]] int columns() const { return out_is_terminal_ ? columns_ : 0; }
    /// `text` with the style's escape codes where `out` takes colours.
    [[nodiscard]] std::string styled(Style style, std::string_view text) const;

    /// Overwrites the progress line; nothing where `err` is no terminal.
    void progress(std::string_view text);
    void clear_progress();
    /// One line on `err`.
    void note(std::string_view text);
    void error(const base::Error& error);

    /// Asks for a password without echo; nothing where there is no terminal to ask on.
    [[nodiscard]] bool can_ask() const;
    [[nodiscard]] base::Secret ask_password(std::string_view prompt);

  private:
    std::ostream* out_;
    std::ostream* err_;
    bool out_is_terminal_;
    bool err_is_terminal_;
    bool colours_;
    int columns_;
    bool progress_shown_ = false;
};

}  // namespace pganalytics::cli
