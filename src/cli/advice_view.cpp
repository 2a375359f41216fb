#include "cli/advice_view.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/units.hpp"
#include "cli/table.hpp"

namespace pganalytics::cli {

namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& object, const char* field) {
    const auto found = object.find(field);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

double number_of(const ordered_json& object, const char* field) {
    const auto found = object.find(field);
    return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

class AdviceView {
  public:
    AdviceView(Terminal& terminal, const ordered_json& recommendation)
        : terminal_(terminal),
          recommendation_(recommendation),
          width_(static_cast<std::size_t>(std::max(0, terminal.columns()))) {}

    void print(int rank, bool with_details) {
        auto& out = terminal_.out();
        out << terminal_.styled(Style::bold,
                                fmt::format("{:>3}. {}", rank, text_of(recommendation_, "recommendation_text")))
            << '\n';
        out << "     " << terminal_.styled(Style::good, gain()) << '\n';
        // A job's start is moved where it is scheduled: there is no SQL, and the text says what to do.
        if (const auto sql = text_of(recommendation_, "statement"); !sql.empty()) statement(sql);
        if (with_details) details();
        out << '\n';
    }

  private:
    std::string gain() const {
        const double urgency = number_of(recommendation_, "urgency_score");
        std::string text =
            fmt::format("gain {:.0f} %  confidence {:.2f}", number_of(recommendation_, "estimated_improvement_percent"),
                        number_of(recommendation_, "confidence_score"));
        if (urgency > 0) {
            text += fmt::format("  spends {} of database time a minute now  ROI {:.4g}",
                                base::to_words(base::Milliseconds{urgency * 1000}),
                                number_of(recommendation_, "roi_score"));
        }
        return text;
    }

    void statement(const std::string& sql) {
        std::string indented = "     ";
        for (const char c : sql) {
            indented += c;
            if (c == '\n') indented += "     ";
        }
        if (!sql.empty() && sql.back() != ';') indented += ';';
        terminal_.out() << indented << '\n';
    }

    void paragraph(std::string_view heading, std::string_view text, Style style = Style::dim) {
        if (text.empty()) return;
        terminal_.out() << terminal_.styled(style, wrapped(fmt::format("{}: {}", heading, text), width_, 5));
    }

    void details() {
        paragraph("Why", text_of(recommendation_, "detailed_explanation"), Style::plain);
        const auto evidence = recommendation_.find("evidence");
        if (evidence != recommendation_.end() && evidence->is_object()) {
            for (const auto& [field, heading] :
                 {std::pair{"facts", "Seen"}, {"checked", "Checked"}, {"not_checked", "Not checked"}}) {
                const auto list = evidence->find(field);
                if (list == evidence->end() || !list->is_array()) continue;
                for (const auto& sentence : *list) {
                    if (sentence.is_string()) paragraph(heading, sentence.get<std::string>());
                }
            }
        }
        paragraph("Undo", text_of(recommendation_, "rollback_statement"));
        wider_scopes();
    }

    /// Beside the narrowest, which is the statement itself.
    void wider_scopes() {
        const auto scopes = recommendation_.find("scopes");
        if (scopes == recommendation_.end() || !scopes->is_array()) return;
        for (std::size_t i = 1; i < scopes->size(); ++i) {
            const auto& scope = (*scopes)[i];
            paragraph(fmt::format("Or for the whole {}", text_of(scope, "scope")),
                      fmt::format("{}; (undo: {};)", text_of(scope, "statement"), text_of(scope, "inverse")));
        }
    }

    Terminal& terminal_;
    const ordered_json& recommendation_;
    std::size_t width_;
};

}  // namespace

void print_advice(Terminal& terminal, int rank, const ordered_json& recommendation, bool with_details) {
    AdviceView(terminal, recommendation).print(rank, with_details);
}

}  // namespace pganalytics::cli
