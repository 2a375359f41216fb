#pragma once
// One model for the terminal. Internal to the commands.

#include "cli/table.hpp"
#include "store/models.hpp"

namespace pganalytics::cli {

void show_model(Terminal& terminal, const store::StoredModel& model, OutputFormat format);

}  // namespace pganalytics::cli
