#include "rewrite/registry.hpp"

#include "rewrite/rules/in_vs_any_rule.hpp"

namespace pganalytics::rewrite {

std::vector<std::unique_ptr<Rule>> registered_rules() {
    std::vector<std::unique_ptr<Rule>> rules;
    // Works on families of statements, not on one: it must see the texts as the server does, before any rule on single
    // statements would pick one member out.
    rules.push_back(std::make_unique<InVsAnyRule>());
    return rules;
}

}  // namespace pganalytics::rewrite
