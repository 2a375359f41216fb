#pragma once
// One run of the program: what every command is given. Built by the composition root, so that commands hold no globals.

#include <functional>
#include <optional>
#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"

namespace pganalytics::cli {

/// Exit code of "findings present" (with --exit-code).
inline constexpr int exit_findings = 5;

struct Invocation {
    Terminal terminal = Terminal::standard();
    base::Environment environment;
    base::Config config;
    base::Log log;
    std::string output_name = "table";  ///< as given to --output; commands may know more than the usual three
    std::string program_version;
};

/// What a command does once the command line is read; gives the exit code.
using Action = std::function<base::Result<int>(Invocation&)>;

}  // namespace pganalytics::cli
