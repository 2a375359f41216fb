#pragma once
// The command line as a whole: global flags, the commands in the order of the help, and the way an error leaves the
// process (one table of exit codes: base/error.hpp).

#include <memory>
#include <string>
#include <vector>

#include "cli/invocation.hpp"

namespace CLI {
class App;
}

namespace pganalytics::cli {

class Program {
  public:
    explicit Program(std::string version);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// Parses `arguments` (without the program's name), runs the command, prints errors; gives the exit code.
    [[nodiscard]] int run(std::vector<std::string> arguments, const base::Environment& environment);

    /// The tree of commands, for completion, the manual page and tests.
    [[nodiscard]] const CLI::App& tree() const { return *app_; }

    /// Registers a command's action; called by the commands when they are built.
    void choose(Action action) { action_ = std::move(action); }

  private:
    struct GlobalFlags;
    [[nodiscard]] base::Status prepare(Invocation& invocation, const base::Environment& environment) const;

    std::string version_;
    std::unique_ptr<CLI::App> app_;
    std::unique_ptr<GlobalFlags> flags_;
    Action action_;
};

/// "pganalytics token create"
[[nodiscard]] std::string command_path(const CLI::App& command);
/// Scripts for `completion`: bash, zsh or fish.
[[nodiscard]] base::Result<std::string> completion_script(const CLI::App& tree, std::string_view shell);
/// The manual page in roff, from the same tree.
[[nodiscard]] std::string manual_page(const CLI::App& tree, std::string_view version);

}  // namespace pganalytics::cli
