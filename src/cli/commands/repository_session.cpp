#include "cli/commands/repository_session.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pganalytics::cli {

base::Result<store::Target> target_for(workflow::RepositoryAccess& session, const base::Secret& conninfo,
                                       std::string_view shown) {
    auto targets = session.targets();
    // "user@host:port/db" → "host:port": a target is a server, whatever the database.
    const auto at = shown.find('@');
    const std::string_view rest = at == std::string_view::npos ? shown : shown.substr(at + 1);
    const std::string name(rest.substr(0, rest.rfind('/')));
    return targets.add_or_replace({name, conninfo, {}, false});
}

base::Result<store::Target> find_target(store::TargetStore& targets, std::string_view name_or_id) {
    PGANALYTICS_ASSIGN(const auto list, targets.list());
    std::vector<std::string> names;
    for (const auto& target : list) {
        if (target.name == name_or_id || fmt::format("{}", base::to_integer(target.id)) == name_or_id) return target;
        names.push_back(target.name);
    }
    const auto nearest = base::nearest_name(name_or_id, names);
    return base::Error{base::ErrorCode::not_found, fmt::format("There is no target \"{}\".", name_or_id),
                       nearest         ? fmt::format("Did you mean \"{}\"?", *nearest)
                       : names.empty() ? "No target is known yet: `pganalytics targets add` adds one."
                                       : fmt::format("Known: {}.", base::join(names, ", ")),
                       "target"};
}

}  // namespace pganalytics::cli
