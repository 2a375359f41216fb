#include "indexes/column_uses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pganalytics::indexes {
namespace {

constexpr int max_view_depth = 16;

std::vector<std::string> column_names(const catalog::Relation& relation) {
    std::vector<std::string> names;
    for (const catalog::Column& column : relation.columns) names.push_back(column.name);
    return names;
}

bool is_range_operator(std::string_view op) {
    return op == "<" || op == "<=" || op == ">" || op == ">=";
}

/// LIKE with a fixed beginning: "abc%". nullopt where the pattern starts with a wildcard or is unknown.
bool has_fixed_beginning(const sql::Operand& pattern) {
    return pattern.kind == sql::OperandKind::constant && !pattern.text.empty() && pattern.text.front() != '%' &&
           pattern.text.front() != '_';
}

/// LIKE and text order agree only in the C collation; elsewhere the index needs the pattern operators.
std::string pattern_operator_class(const catalog::Column& column, const catalog::Database& database) {
    std::string collation = column.collation;
    if (collation.empty() || collation == "default") {
        const auto setting = database.settings.find("lc_collate");
        if (setting != database.settings.end()) collation = setting->second.value;
    }
    if (collation == "C" || collation == "POSIX") return "";
    if (column.base_type == "bpchar") return "bpchar_pattern_ops";
    return column.base_type == "varchar" ? "varchar_pattern_ops" : "text_pattern_ops";
}

bool is_text(const catalog::Column& column) {
    return column.base_type == "text" || column.base_type == "varchar" || column.base_type == "bpchar";
}

}  // namespace

struct ColumnUseReader::View {
    sql::Tree tree;
    sql::Shape shape;
};

ColumnUseReader::ColumnUseReader(const catalog::Database& database) : database_(database) {}
ColumnUseReader::~ColumnUseReader() = default;

/// One pass over a statement's shape, and over the shapes of the views it reads.
class ColumnUseReader::Walk {
  public:
    Walk(ColumnUseReader& reader, Occurrences& occurrences) : reader_(reader), occurrences_(occurrences) {}

    void statement(const sql::Shape& shape) { this->shape(shape, "", 0); }

  private:
    void shape(const sql::Shape& shape, const std::string& prefix, int depth) {
        const sql::Shape* outer = std::exchange(current_, &shape);
        for (std::size_t number = 0; number < shape.levels.size(); ++number) {
            const sql::QueryLevel& level = shape.levels[number];
            for (const sql::Predicate& predicate : level.predicates) {
                if (!predicate.in_having) this->predicate(predicate, prefix);
            }
            order(level, prefix);
            extremes(level, prefix);
            views(level, fmt::format("{}{}.", prefix, number), depth);
        }
        current_ = outer;
    }

    struct Place {
        const catalog::Relation* relation = nullptr;
        const catalog::Column* column = nullptr;
        std::string occurrence;
    };

    std::optional<Place> place_of(const sql::ColumnReference& reference, const std::string& prefix, int depth = 0) {
        if (!reference.has_base() || depth > max_view_depth) return std::nullopt;
        const auto* relation = reader_.database_.find_relation(reference.base_schema, reference.base_relation);
        if (relation == nullptr) return std::nullopt;
        const std::string occurrence = fmt::format("{}{}.{}", prefix, reference.base_level, reference.base_index);
        if (relation->kind == catalog::RelationKind::view) {
            const View* view = reader_.view_of(*relation);
            if (view == nullptr || view->shape.levels.empty()) return std::nullopt;
            const auto& outputs = view->shape.levels.front().outputs;
            const auto output = std::ranges::find(outputs, reference.base_column, &sql::OutputColumn::name);
            if (output == outputs.end() || output->value.kind != sql::OperandKind::column) return std::nullopt;
            return place_of(output->value.column, occurrence + '/', depth + 1);
        }
        const catalog::Column* column = relation->find_column(reference.base_column);
        if (column == nullptr || !column->has_btree_operator_class) return std::nullopt;
        return Place{relation, column, occurrence};
    }

    Occurrence& occurrence_of(const Place& place) {
        Occurrence& occurrence = occurrences_[place.occurrence];
        occurrence.relation = place.relation;
        return occurrence;
    }

    void add(const sql::ColumnReference& reference, const std::string& prefix, ColumnUse use) {
        const auto place = place_of(reference, prefix);
        if (!place) return;
        use.column = place->column;
        if (use.kind == UseKind::text_prefix) {
            if (!is_text(*place->column)) return;
            use.operator_class = pattern_operator_class(*place->column, reader_.database_);
        }
        use.branch = branch_;
        occurrence_of(*place).uses.push_back(std::move(use));
    }

    /// Whether the value beside a column is known without reading the same occurrence again.
    bool is_independent(const sql::Operand& value, const std::string& occurrence, const std::string& prefix) {
        return std::ranges::none_of(value.columns, [&](const sql::ColumnReference& other) {
            const auto place = place_of(other, prefix);
            return !place || place->occurrence == occurrence;
        });
    }

    void side(const sql::Operand& column, const sql::Operand& value, bool equality, const std::string& prefix) {
        if (column.kind != sql::OperandKind::column) return;
        const auto place = place_of(column.column, prefix);
        if (!place || !is_independent(value, place->occurrence, prefix)) return;
        ColumnUse use;
        use.kind = !equality ? UseKind::range : value.columns.empty() ? UseKind::equality : UseKind::join;
        if (value.kind == sql::OperandKind::constant) use.constant = value.text;
        add(column.column, prefix, std::move(use));
    }

    void comparison(const sql::Predicate& predicate, const std::string& prefix) {
        const bool equality = predicate.op == "=";
        if (!equality && !is_range_operator(predicate.op)) return;
        side(predicate.left, predicate.right, equality, prefix);
        side(predicate.right, predicate.left, equality, prefix);
    }

    void membership(const sql::Predicate& predicate, const std::string& prefix) {
        if (predicate.left.kind != sql::OperandKind::column || predicate.negated) return;
        if (predicate.kind == sql::PredicateKind::any_array && predicate.op != "=") return;
        ColumnUse use;
        use.kind = UseKind::in_list;
        use.values = predicate.right.items.empty() ? 10 : static_cast<double>(predicate.right.items.size());
        if (use.values == 1) use.kind = UseKind::equality;
        add(predicate.left.column, prefix, std::move(use));
    }

    void plain(const sql::Operand& operand, UseKind kind, const std::string& prefix) {
        if (operand.kind != sql::OperandKind::column) return;
        ColumnUse use;
        use.kind = kind;
        add(operand.column, prefix, std::move(use));
    }

    void predicate(const sql::Predicate& predicate, const std::string& prefix) {
        switch (predicate.kind) {
            case sql::PredicateKind::comparison:
                return comparison(predicate, prefix);
            case sql::PredicateKind::between:
                if (!predicate.negated) plain(predicate.left, UseKind::range, prefix);
                return;
            case sql::PredicateKind::in_list:
            case sql::PredicateKind::any_array:
                return membership(predicate, prefix);
            case sql::PredicateKind::in_subquery:
                if (!predicate.negated) plain(predicate.left, UseKind::join, prefix);
                return subquery_outputs(predicate, prefix);
            case sql::PredicateKind::like:
                if (predicate.op == "~~" && !predicate.negated && has_fixed_beginning(predicate.right)) {
                    plain(predicate.left, UseKind::text_prefix, prefix);
                }
                return;
            case sql::PredicateKind::is_null:
            case sql::PredicateKind::boolean_column:
                if (predicate.kind == sql::PredicateKind::boolean_column || !predicate.negated) {
                    plain(predicate.left, UseKind::equality, prefix);
                }
                return;
            case sql::PredicateKind::disjunction:
                return disjunction(predicate, prefix);
            default:
                return;
        }
    }

    void disjunction(const sql::Predicate& predicate, const std::string& prefix) {
        for (const auto& branch : predicate.branches) {
            const int outer = std::exchange(branch_, ++branches_);
            for (const sql::Predicate& inner : branch) this->predicate(inner, prefix);
            branch_ = outer;
        }
    }

    /// `x IN (SELECT y …)`: the subquery's column can be looked up as well (a semi-join from the other side).
    void subquery_outputs(const sql::Predicate& predicate, const std::string& prefix) {
        const int level = predicate.right.subquery_level;
        if (level < 0 || current_ == nullptr || static_cast<std::size_t>(level) >= current_->levels.size()) return;
        for (const sql::OutputColumn& output : current_->levels[static_cast<std::size_t>(level)].outputs) {
            plain(output.value, UseKind::join, prefix);
        }
    }

    /// The leading columns of ORDER BY that belong to one occurrence.
    void order(const sql::QueryLevel& level, const std::string& prefix) {
        if (level.has_aggregate || !level.group_by.empty()) return;
        std::vector<Key> keys;
        std::optional<Place> first;
        for (const sql::SortItem& item : level.order_by) {
            if (item.key.kind != sql::OperandKind::column || !item.using_operator.empty()) break;
            const auto place = place_of(item.key.column, prefix);
            if (!place || (first && place->occurrence != first->occurrence)) break;
            if (!first) first = place;
            keys.push_back({place->column->name, item.descending, item.nulls_first, ""});
        }
        if (first) occurrence_of(*first).orders.push_back(std::move(keys));
    }

    /// min(x) and max(x) without grouping read one end of an index.
    void extremes(const sql::QueryLevel& level, const std::string& prefix) {
        const bool has_extreme = std::ranges::any_of(
            level.functions, [](const std::string& name) { return name == "min" || name == "max"; });
        if (!has_extreme || !level.group_by.empty()) return;
        for (const sql::OutputColumn& output : level.outputs) {
            if (output.value.columns.size() != 1) continue;
            if (const auto place = place_of(output.value.columns.front(), prefix)) {
                occurrence_of(*place).orders.push_back({{place->column->name, false, false, ""}});
            }
        }
    }

    void views(const sql::QueryLevel& level, const std::string& prefix, int depth) {
        if (depth >= max_view_depth) return;
        for (std::size_t i = 0; i < level.relations.size(); ++i) {
            const sql::RelationReference& reference = level.relations[i];
            if (reference.origin != sql::RelationOrigin::base) continue;
            const auto* relation = reader_.database_.find_relation(reference.schema, reference.name);
            if (relation == nullptr || relation->kind != catalog::RelationKind::view) continue;
            if (const View* view = reader_.view_of(*relation))
                shape(view->shape, fmt::format("{}{}/", prefix, i), depth + 1);
        }
    }

    ColumnUseReader& reader_;
    Occurrences& occurrences_;
    const sql::Shape* current_ = nullptr;
    int branch_ = 0;    ///< the OR branch being read
    int branches_ = 0;  ///< numbers given so far
};

sql::ColumnLookup ColumnUseReader::lookup() const {
    return [this](std::string_view schema, std::string_view name) -> std::optional<std::vector<std::string>> {
        const auto* relation = database_.find_relation(schema, name);
        if (relation == nullptr) return std::nullopt;
        return column_names(*relation);
    };
}

const ColumnUseReader::View* ColumnUseReader::view_of(const catalog::Relation& relation) {
    const auto [place, fresh] = views_.try_emplace(&relation, nullptr);
    if (!fresh) return place->second.get();
    auto tree = sql::parse(relation.view_definition);
    if (!tree) return nullptr;
    auto shape = sql::analyze(*tree, lookup());
    if (!shape) return nullptr;
    place->second = std::make_unique<View>(View{*std::move(tree), *std::move(shape)});
    return place->second.get();
}

base::Result<Occurrences> ColumnUseReader::read(std::string_view statement) {
    PGANALYTICS_ASSIGN(const sql::Tree tree, sql::parse(statement));
    PGANALYTICS_ASSIGN(const sql::Shape shape, sql::analyze(tree, lookup()));
    Occurrences occurrences;
    Walk(*this, occurrences).statement(shape);
    return occurrences;
}

}  // namespace pganalytics::indexes
