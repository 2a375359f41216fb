// The composition root: everything a run needs is made here and handed down.

#include <string>
#include <vector>

#include "base/config.hpp"
#include "cli/program.hpp"
#include "cli/stop_signals.hpp"

int main(int argument_count, char** arguments) {
    pganalytics::cli::block_stop_signals();
    pganalytics::cli::Program program(PGANALYTICS_VERSION);
    return program.run({arguments + 1, arguments + argument_count}, pganalytics::base::process_environment());
}
