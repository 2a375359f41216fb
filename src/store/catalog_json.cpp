#include "store/catalog_json.hpp"

#include <nlohmann/json.hpp>
#include <type_traits>

namespace pganalytics::store {
namespace {

using nlohmann::json;
using namespace catalog;

/// Each type's fields are listed once; whether they are written or read is the archive's business.
template <typename Archive>
void fields(Archive& a, ColumnStatistics& s) {
    a("null_fraction", s.null_fraction);
    a("distinct", s.distinct);
    a("correlation", s.correlation);
    a("average_width", s.average_width);
    a("most_common_values", s.most_common_values);
    a("most_common_frequencies", s.most_common_frequencies);
    a("histogram_bounds", s.histogram_bounds);
}

template <typename Archive>
void fields(Archive& a, Column& c) {
    a("number", c.number);
    a("name", c.name);
    a("type", c.type);
    a("base_type", c.base_type);
    a("type_category", c.type_category);
    a("not_null", c.not_null);
    a("has_btree_operator_class", c.has_btree_operator_class);
    a("collation", c.collation);
    a("generated", c.generated);
    a("statistics", c.statistics);
}

template <typename Archive>
void fields(Archive& a, IndexKey& k) {
    a("column_number", k.column_number);
    a("column", k.column);
    a("expression", k.expression);
    a("descending", k.descending);
    a("nulls_first", k.nulls_first);
    a("operator_class", k.operator_class);
    a("default_operator_class", k.default_operator_class);
}

template <typename Archive>
void fields(Archive& a, Index& i) {
    a("oid", i.oid);
    a("schema", i.schema);
    a("name", i.name);
    a("method", i.method);
    a("keys", i.keys);
    a("included", i.included);
    a("predicate", i.predicate);
    a("definition", i.definition);
    a("constraint", i.constraint);
    a("unique", i.unique);
    a("primary", i.primary);
    a("valid", i.valid);
    a("exclusion", i.exclusion);
    a("size", i.size);
    a("scans", i.scans);
    a("last_scan", i.last_scan);
}

template <typename Archive>
void fields(Archive& a, ForeignKey& f) {
    a("name", f.name);
    a("columns", f.columns);
    a("referenced_schema", f.referenced_schema);
    a("referenced_table", f.referenced_table);
    a("referenced_columns", f.referenced_columns);
}

template <typename Archive>
void fields(Archive& a, RelationActivity& r) {
    a("sequential_scans", r.sequential_scans);
    a("sequential_rows", r.sequential_rows);
    a("index_scans", r.index_scans);
    a("rows_inserted", r.rows_inserted);
    a("rows_updated", r.rows_updated);
    a("rows_hot_updated", r.rows_hot_updated);
    a("rows_deleted", r.rows_deleted);
    a("live_rows", r.live_rows);
    a("dead_rows", r.dead_rows);
    a("last_analyze", r.last_analyze);
    a("last_vacuum", r.last_vacuum);
}

template <typename Archive>
void fields(Archive& a, Relation& r) {
    a("oid", r.oid);
    a("schema", r.schema);
    a("name", r.name);
    a("kind", r.kind);
    a("rows", r.rows);
    a("pages", r.pages);
    a("size", r.size);
    a("partition_parent", r.partition_parent);
    a("view_definition", r.view_definition);
    a("row_security", r.row_security);
    a("columns", r.columns);
    a("indexes", r.indexes);
    a("foreign_keys", r.foreign_keys);
    a("unique_keys", r.unique_keys);
    a("check_constraints", r.check_constraints);
    a("activity", r.activity);
}

template <typename Archive>
void fields(Archive& a, Setting& s) {
    a("name", s.name);
    a("value", s.value);
    a("unit", s.unit);
    a("source", s.source);
}

template <typename Archive>
void fields(Archive& a, Extension& e) {
    a("name", e.name);
    a("version", e.version);
}

template <typename Archive>
void fields(Archive& a, Database& d) {
    a("name", d.name);
    a("version", d.version.number);
    a("search_path", d.search_path);
    a("relations", d.relations);
    a("settings", d.settings);
    a("extensions", d.extensions);
    a("statistics_reset", d.statistics_reset);
}

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsMap : std::false_type {};
template <typename K, typename V, typename C>
struct IsMap<std::map<K, V, C>> : std::true_type {};
template <typename T>
concept Plain = std::is_arithmetic_v<T> || std::is_same_v<T, std::string>;

class Writer {
  public:
    template <typename T>
    void operator()(const char* name, T& value) {
        object_[name] = written(value);
    }
    template <typename T>
    static json written(T& value) {
        if constexpr (Plain<T>) {
            return value;
        } else if constexpr (std::is_enum_v<T>) {
            return static_cast<std::int64_t>(value);
        } else if constexpr (std::is_same_v<T, base::Bytes>) {
            return value.value;
        } else if constexpr (std::is_same_v<T, base::Timestamp>) {
            return value.time_since_epoch().count();
        } else if constexpr (IsOptional<T>::value) {
            return value ? written(*value) : json(nullptr);
        } else if constexpr (IsVector<T>::value) {
            json list = json::array();
            for (auto& item : value) list.push_back(written(item));
            return list;
        } else if constexpr (IsMap<T>::value) {
            json list = json::object();
            for (auto& [key, item] : value) list[key] = written(item);
            return list;
        } else {
            Writer writer;
            fields(writer, value);
            return std::move(writer.object_);
        }
    }

  private:
    json object_ = json::object();
};

class Reader {
  public:
    explicit Reader(const json& object) : object_(object) {}
    template <typename T>
    void operator()(const char* name, T& value) {
        if (const auto it = object_.find(name); it != object_.end()) read(*it, value);
    }
    template <typename T>
    static void read(const json& from, T& value) {
        if constexpr (Plain<T>) {
            from.get_to(value);
        } else if constexpr (std::is_enum_v<T>) {
            value = static_cast<T>(from.get<std::int64_t>());
        } else if constexpr (std::is_same_v<T, base::Bytes>) {
            from.get_to(value.value);
        } else if constexpr (std::is_same_v<T, base::Timestamp>) {
            value = base::Timestamp(std::chrono::microseconds(from.get<std::int64_t>()));
        } else if constexpr (IsOptional<T>::value) {
            if (!from.is_null()) read(from, value.emplace());
        } else if constexpr (IsVector<T>::value) {
            for (const auto& item : from) read(item, value.emplace_back());
        } else if constexpr (IsMap<T>::value) {
            for (const auto& [key, item] : from.items()) read(item, value[key]);
        } else {
            Reader reader(from);
            fields(reader, value);
        }
    }

  private:
    const json& object_;
};

}  // namespace

json catalog_to_json(const Database& database) {
    Database copy = database;  // the field lists serve both directions and so take what they may change
    return Writer::written(copy);
}

base::Result<Database> catalog_from_json(const json& document) {
    Database database;
    try {
        Reader::read(document, database);
    } catch (const json::exception&) {
        return base::Error{.code = base::ErrorCode::fix_input,
                           .message = "A stored catalog cannot be read.",
                           .hint = "The next visit to the target stores it anew.",
                           .field = {}};
    }
    return database;
}

}  // namespace pganalytics::store
