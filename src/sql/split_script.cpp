// Splits scripts. PostgreSQL's own scanner stops at the first unclosed quote of a file, so boundaries come from a small
// scanner of psql's rules here: quotes, dollar quotes, nested comments, BEGIN ATOMIC bodies, backslash lines, COPY
// data.

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "sql/parse.hpp"

namespace pganalytics::sql {
namespace {

bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_word_part(char c) {
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}
bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

class Splitter {
  public:
    explicit Splitter(std::string_view script) : script_(script) {}

    [[nodiscard]] std::vector<ScriptPart> split() {
        while (at_ < script_.size()) step();
        finish();
        return std::move(parts_);
    }

  private:
    void step() {
        const char c = script_[at_];
        if (is_blank(c)) {
            keep(1);
        } else if (starts_with("--")) {
            keep(line_length());
        } else if (starts_with("/*")) {
            keep(comment_length());
        } else if (c == '\'' || c == '"') {
            keep_content(quoted_length(at_, false));
        } else if (c == '$' && dollar_tag_length() > 0) {
            keep_content(dollar_quoted_length());
        } else if (is_word_start(c)) {
            word();
        } else if (c == ';' && parentheses_ == 0 && atomic_depth_ == 0) {
            const bool copies = is_copy_from_stdin();
            ++at_;
            finish();
            if (copies) skip_copy_data();
        } else if (c == '\\') {
            skip_backslash_line();
        } else {
            if (c == '(') ++parentheses_;
            if (c == ')' && parentheses_ > 0) --parentheses_;
            keep_content(1);
        }
    }

    [[nodiscard]] bool starts_with(std::string_view prefix) const {
        return script_.substr(at_, prefix.size()) == prefix;
    }

    void keep(std::size_t length) {
        text_.append(script_, at_, length);
        if (text_.size() == length) begin_ = at_;
        at_ += length;
    }
    void keep_content(std::size_t length) {
        has_content_ = true;
        keep(length);
    }

    [[nodiscard]] std::size_t line_length() const {
        const auto end = script_.find('\n', at_);
        return (end == std::string_view::npos ? script_.size() : end) - at_;
    }

    [[nodiscard]] std::size_t comment_length() const {
        std::size_t depth = 0;
        for (std::size_t i = at_; i < script_.size(); ++i) {
            if (script_.substr(i, 2) == "/*") {
                ++depth;
                ++i;
            } else if (script_.substr(i, 2) == "*/") {
                ++i;
                if (--depth == 0) return i + 1 - at_;
            }
        }
        return script_.size() - at_;
    }

    /// From the quote at `from` to past its closer, counted from at_.
    [[nodiscard]] std::size_t quoted_length(std::size_t from, bool backslash_escapes) const {
        const char quote = script_[from];
        for (std::size_t i = from + 1; i < script_.size(); ++i) {
            if (backslash_escapes && script_[i] == '\\') {
                ++i;
            } else if (script_[i] == quote) {
                return i + 1 - at_;  // a doubled quote opens the next literal, with the same end
            }
        }
        return script_.size() - at_;
    }

    [[nodiscard]] std::size_t dollar_tag_length() const {
        std::size_t i = at_ + 1;
        if (i < script_.size() && is_word_start(script_[i])) {
            while (i < script_.size() && is_word_part(script_[i]) && script_[i] != '$') ++i;
        }
        return i < script_.size() && script_[i] == '$' ? i + 1 - at_ : 0;
    }

    [[nodiscard]] std::size_t dollar_quoted_length() const {
        const auto tag = script_.substr(at_, dollar_tag_length());
        const auto close = script_.find(tag, at_ + tag.size());
        return (close == std::string_view::npos ? script_.size() : close + tag.size()) - at_;
    }

    void word() {
        std::size_t end = at_;
        while (end < script_.size() && is_word_part(script_[end])) ++end;
        const auto folded = base::to_lower(script_.substr(at_, end - at_));
        if (folded == "e" && end < script_.size() && script_[end] == '\'') {
            keep_content(quoted_length(end, true));
            return;
        }
        // CREATE FUNCTION … BEGIN ATOMIC …; …; END: the semicolons inside are not ours.
        if (folded == "atomic" && last_word_ == "begin" && first_word_ == "create") {
            atomic_depth_ = 1;
        } else if (atomic_depth_ > 0 && folded == "case") {
            ++atomic_depth_;
        } else if (atomic_depth_ > 0 && folded == "end") {
            --atomic_depth_;
        }
        if (first_word_.empty()) first_word_ = folded;
        last_word_ = folded;
        if (parentheses_ == 0) words_ += folded + ' ';
        keep_content(end - at_);
    }

    [[nodiscard]] bool is_copy_from_stdin() const {
        return first_word_ == "copy" && words_.find(" from stdin ") != std::string::npos;
    }

    void skip_copy_data() {
        const auto end = script_.find("\n\\.", at_);
        at_ = end == std::string_view::npos ? script_.size() : end + 3;
    }

    /// psql's commands reach to the end of their line; \g and its kind also send what stands before them.
    void skip_backslash_line() {
        const auto line = script_.substr(at_, line_length());
        at_ += line.size();
        if (line.substr(0, 2) == "\\g" || line.substr(0, 10) == "\\crosstab") finish();
    }

    void finish() {
        const auto trimmed = base::trim(text_);
        if (has_content_) {
            const auto skipped = static_cast<std::size_t>(trimmed.data() - text_.data());
            parts_.push_back({begin_ + skipped, std::string(trimmed)});
        }
        text_.clear();
        words_ = " ";
        first_word_.clear();
        last_word_.clear();
        has_content_ = false;
        parentheses_ = 0;
        atomic_depth_ = 0;
    }

    std::string_view script_;
    std::size_t at_ = 0;
    std::size_t begin_ = 0;
    std::string text_;
    std::string words_ = " ";
    std::string first_word_, last_word_;
    bool has_content_ = false;
    std::size_t parentheses_ = 0;
    std::size_t atomic_depth_ = 0;
    std::vector<ScriptPart> parts_;
};

}  // namespace

std::vector<ScriptPart> split_script(std::string_view script) {
    return Splitter(script).split();
}

}  // namespace pganalytics::sql
