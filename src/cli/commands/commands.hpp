#pragma once
// Each command adds itself to the tree. What it shares with others is in workflow; here it parses, calls and renders.

namespace CLI {
class App;
}

namespace pganalytics::cli {

class Program;

void add_up(CLI::App& tree, Program& program);
void add_serve(CLI::App& tree, Program& program);
void add_analyze(CLI::App& tree, Program& program);
void add_targets(CLI::App& tree, Program& program);
void add_queries(CLI::App& tree, Program& program);
void add_patterns(CLI::App& tree, Program& program);
void add_parameters(CLI::App& tree, Program& program);
void add_train(CLI::App& tree, Program& program);
void add_models(CLI::App& tree, Program& program);
void add_predict(CLI::App& tree, Program& program);
void add_recommendations(CLI::App& tree, Program& program);
void add_evaluate(CLI::App& tree, Program& program);
/// Below `evaluate`.
void add_evaluate_patterns(CLI::App& evaluate, Program& program);
void add_evaluate_forecast(CLI::App& evaluate, Program& program);
/// Under `evaluate`.
void add_evaluate_prediction(CLI::App& evaluate, Program& program);
void add_simulate(CLI::App& tree, Program& program);
void add_sample(CLI::App& tree, Program& program);
void add_setup_target(CLI::App& tree, Program& program);
void add_check(CLI::App& tree, Program& program);
void add_migrate(CLI::App& tree, Program& program);
void add_token(CLI::App& tree, Program& program);
void add_config(CLI::App& tree, Program& program);
void add_completion(CLI::App& tree, Program& program);

}  // namespace pganalytics::cli
