#include "workflow/workload_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/text.hpp"
#include "sql/ast.hpp"
#include "sql/edit.hpp"
#include "sql/identity.hpp"
#include "sql/parse.hpp"
#include "sql/walk.hpp"

namespace pganalytics::workflow {

namespace {

constexpr std::uintmax_t max_file_bytes = std::uintmax_t{64} << 20;

/// A view made by the script itself.
struct ScriptView {
    std::string name;
    std::string as_cte;          ///< name [(columns)] AS NOT MATERIALIZED (query)
    std::set<std::string> uses;  ///< relations its query names
};

int line_of(std::string_view script, std::size_t offset) {
    return 1 + static_cast<int>(std::count(script.begin(), script.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

std::set<std::string> relation_names(const sql::Tree& tree) {
    std::set<std::string> names;
    if (const auto shape = sql::analyze(tree)) {
        for (const auto& [schema, name] : shape->base_relations()) {
            if (schema.empty()) names.insert(name);
        }
    }
    return names;
}

/// The statement inside EXPLAIN, as a statement of its own.
base::Result<std::string> inner_of_explain(const sql::Tree& tree) {
    auto message = tree.clone_message();
    auto* statement = message->mutable_stmts(0)->mutable_stmt();
    const pg_query::Node inner = statement->explain_stmt().query();
    *statement = inner;
    return sql::deparse(*message);
}

base::Result<ScriptView> read_view(const sql::Tree& tree) {
    const auto& view_statement = tree.statement().view_stmt();
    ScriptView view;
    view.name = view_statement.view().relname();
    auto message = tree.clone_message();
    const pg_query::Node query = view_statement.query();
    *message->mutable_stmts(0)->mutable_stmt() = query;
    PGANALYTICS_ASSIGN(const std::string query_text, sql::deparse(*message));
    PGANALYTICS_ASSIGN(const sql::Tree query_tree, sql::parse(query_text));
    view.uses = relation_names(query_tree);
    std::vector<std::string> columns;
    for (const auto& alias : view_statement.aliases()) columns.push_back('"' + alias.string().sval() + '"');
    view.as_cte = fmt::format("\"{}\"{} AS NOT MATERIALIZED ({})", view.name,
                              columns.empty() ? "" : " (" + base::join(columns, ", ") + ")", query_text);
    return view;
}

/// `text` with the views it uses, directly or through each other, as CTEs in front. Views keep the script's order.
base::Result<std::string> with_views(const std::string& text, const std::set<std::string>& used_names,
                                     const std::vector<ScriptView>& views) {
    std::set<std::string> needed = used_names;
    std::vector<const ScriptView*> chosen;
    for (auto view = views.rbegin(); view != views.rend(); ++view) {
        if (!needed.contains(view->name)) continue;
        chosen.push_back(&*view);
        needed.insert(view->uses.begin(), view->uses.end());
    }
    if (chosen.empty()) return text;
    std::vector<std::string> ctes;
    for (auto view = chosen.rbegin(); view != chosen.rend(); ++view) ctes.push_back((*view)->as_cte);
    const std::string list = base::join(ctes, ", ");

    PGANALYTICS_ASSIGN(const auto tokens, sql::scan(text));
    const auto is_word = [&](std::size_t i, std::string_view word) {
        return i < tokens.size() && base::to_lower(tokens[i].text) == word;
    };
    std::size_t first = 0;
    while (first < tokens.size() && tokens[first].kind == sql::TokenKind::comment) ++first;
    if (!is_word(first, "with")) return fmt::format("WITH {} {}", list, text);
    std::size_t after = first + 1;
    while (after < tokens.size() && tokens[after].kind == sql::TokenKind::comment) ++after;
    if (is_word(after, "recursive")) ++after;
    const std::size_t at = tokens[after - 1].end;
    return text.substr(0, at) + " " + list + ", " + text.substr(at);
}

class ScriptReader {
  public:
    ScriptReader(FileWorkload& into, std::string_view script, const std::string& file)
        : into_(into), script_(script), file_(file) {}

    void read() {
        for (const auto& part : sql::split_script(script_)) read_part(part);
    }

  private:
    void skip(const sql::ScriptPart& part, std::string reason, bool harmless) {
        into_.skipped.push_back({file_, line_of(script_, part.offset), std::move(reason), harmless});
    }

    void read_part(const sql::ScriptPart& part) {
        auto tree = sql::parse(part.text);
        if (!tree) return skip(part, tree.error().to_string(), false);
        if (tree->statement_count() == 0) return;
        const auto& node = tree->statement();
        if (node.has_explain_stmt()) {
            auto inner = inner_of_explain(*tree);
            if (!inner) return skip(part, inner.error().to_string(), false);
            return read_part({part.offset, std::move(*inner)});
        }
        if (node.has_view_stmt()) {
            auto view = read_view(*tree);
            if (!view) return skip(part, view.error().to_string(), false);
            views_.push_back(std::move(*view));
            return;
        }
        if (node.has_drop_stmt()) return drop(part, node.drop_stmt());
        if (sql::kind_of(*tree) == sql::StatementKind::utility || sql::kind_of(*tree) == sql::StatementKind::other) {
            return skip(part, fmt::format("\"{}\" has no plan to judge", base::one_line(part.text, 60)), true);
        }
        auto text = with_views(part.text, relation_names(*tree), views_);
        if (!text) return skip(part, text.error().to_string(), false);
        add(part, std::move(*text));
    }

    void drop(const sql::ScriptPart& part, const pg_query::DropStmt& drop_statement) {
        if (drop_statement.remove_type() != pg_query::OBJECT_VIEW) {
            return skip(part, fmt::format("\"{}\" has no plan to judge", base::one_line(part.text, 60)), true);
        }
        for (const auto& object : drop_statement.objects()) {
            const auto& names = object.list().items();
            if (names.empty()) continue;
            const std::string name = names.rbegin()->string().sval();
            std::erase_if(views_, [&](const ScriptView& view) { return view.name == name; });
        }
    }

    void add(const sql::ScriptPart& part, std::string text) {
        const auto hash = sql::query_hash(part.text);
        into_.origins.push_back({hash, file_, line_of(script_, part.offset)});
        auto& statements = into_.workload.statements;
        const auto same = std::find_if(statements.begin(), statements.end(),
                                       [&](const auto& statement) { return statement.query_hash == hash; });
        if (same != statements.end()) {
            ++same->sum.calls;
            constexpr std::size_t most_examples = 5;
            if (same->example_texts.size() < most_examples) same->example_texts.push_back(std::move(text));
            return;
        }
        workload::ObservedStatement statement;
        statement.query_hash = hash;
        if (auto family = sql::fingerprint_hash(part.text)) statement.fingerprint_hash = *family;
        statement.has_literals = text.find('$') == std::string::npos || !has_parameters(text);
        statement.text = std::move(text);
        statement.database_name = into_.workload.database_name;
        statement.sum.calls = 1;
        statements.push_back(std::move(statement));
    }

    static bool has_parameters(const std::string& text) {
        const auto tokens = sql::scan(text);
        return tokens && std::any_of(tokens->begin(), tokens->end(),
                                     [](const sql::Token& token) { return token.kind == sql::TokenKind::parameter; });
    }

    FileWorkload& into_;
    std::string_view script_;
    const std::string& file_;
    std::vector<ScriptView> views_;
};

base::Result<std::string> read_text(const std::filesystem::path& file) {
    std::error_code failure;
    const auto size = std::filesystem::file_size(file, failure);
    std::ifstream in(file, std::ios::binary);
    if (failure || !in) {
        return base::Error{base::ErrorCode::fix_input, fmt::format("{} cannot be read", file.string()),
                           "Check that it exists and that you may read it.", "--workload"};
    }
    if (size > max_file_bytes) {
        return base::Error{base::ErrorCode::too_large, fmt::format("{} is larger than 64 MB", file.string()),
                           "Split it into smaller files.", "--workload"};
    }
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

void add_script(FileWorkload& into, std::string_view script, const std::string& file_name) {
    ScriptReader(into, script, file_name).read();
}

base::Result<FileWorkload> read_workload_files(const std::filesystem::path& path, std::string_view database_name) {
    std::vector<std::filesystem::path> files;
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure)) {
        for (std::filesystem::recursive_directory_iterator
                 entry(path, std::filesystem::directory_options::skip_permission_denied, failure),
             end;
             !failure && entry != end; entry.increment(failure)) {
            if (entry->is_regular_file(failure) && entry->path().extension() == ".sql") files.push_back(entry->path());
        }
        std::sort(files.begin(), files.end());
        if (files.empty()) {
            return base::Error{base::ErrorCode::fix_input, fmt::format("{} holds no .sql file", path.string()),
                               "Name a file, or a folder with .sql files.", "--workload"};
        }
    } else {
        files.push_back(path);
    }
    FileWorkload result;
    result.workload.database_name = std::string(database_name);
    for (const auto& file : files) {
        PGANALYTICS_ASSIGN(const std::string text, read_text(file));
        add_script(result, text, file.string());
        ++result.files;
    }
    return result;
}

}  // namespace pganalytics::workflow
