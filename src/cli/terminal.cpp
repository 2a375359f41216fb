#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "base/text.hpp"

namespace pganalytics::cli {

namespace {

int terminal_columns() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 100;
}

/// Echo off while it lives.
class SilentTerminal {
  public:
    SilentTerminal() {
        known_ = tcgetattr(STDIN_FILENO, &before_) == 0;
        if (!known_) return;
        termios silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;
    ~SilentTerminal() {
        if (known_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }

  private:
    termios before_{};
    bool known_ = false;
};

}  // namespace

Terminal::Terminal(std::ostream& out, std::ostream& err, bool out_is_terminal, bool err_is_terminal, bool colours,
                   int columns)
    : out_(&out),
      err_(&err),
      out_is_terminal_(out_is_terminal),
      err_is_terminal_(err_is_terminal),
      colours_(colours),
      columns_(columns) {}

Terminal Terminal::standard() {
    const char* no_color = std::getenv("NO_COLOR");
    const bool wants_colour = no_color == nullptr || *no_color == '\0';
    const bool out_terminal = isatty(STDOUT_FILENO) != 0;
    return {std::cout, std::cerr, out_terminal, isatty(STDERR_FILENO) != 0, wants_colour, terminal_columns()};
}

std::string Terminal::styled(Style style, std::string_view text) const {
    if (!colours_ || !out_is_terminal_ || style == Style::plain) return std::string(text);
    const char* code = "0";
    switch (style) {
        case Style::bold:
            code = "1";
            break;
        case Style::dim:
            code = "2";
            break;
        case Style::good:
            code = "32";
            break;
        case Style::warning:
            code = "33";
            break;
        case Style::bad:
            code = "31";
            break;
        case Style::plain:
            break;
    }
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

void Terminal::progress(std::string_view text) {
    if (!err_is_terminal_) return;
    *err_ << "\r\x1b[K" << base::one_line(text, static_cast<std::size_t>(columns_ > 2 ? columns_ - 2 : 78))
          << std::flush;
    progress_shown_ = true;
}

void Terminal::clear_progress() {
    if (!progress_shown_) return;
    *err_ << "\r\x1b[K" << std::flush;
    progress_shown_ = false;
}

void Terminal::note(std::string_view text) {
    clear_progress();
    *err_ << text << '\n' << std::flush;
}

void Terminal::error(const base::Error& error) {
    clear_progress();
    out_->flush();
    *err_ << "pganalytics: " << base::with_full_stop(base::redact_text(error.message)) << '\n';
    if (!error.hint.empty()) *err_ << "  " << base::redact_text(error.hint) << '\n';
    err_->flush();
}

bool Terminal::can_ask() const {
    return isatty(STDIN_FILENO) != 0 && err_is_terminal_;
}

base::Secret Terminal::ask_password(std::string_view prompt) {
    if (!can_ask()) return {};
    clear_progress();
    *err_ << prompt << std::flush;
    std::string line;
    {
        const SilentTerminal silent;
        std::getline(std::cin, line);
    }
    *err_ << '\n' << std::flush;
    return base::Secret(std::move(line));
}

}  // namespace pganalytics::cli
