#pragma once
// The repository of this installation, however it is kept: the server that `repository.conninfo` names, or the private
// cluster in the state folder. And what lies beside it in the state folder: the key that seals targets' secrets, the
// first token. One thread at a time, except `repository()`.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "postgres/private_cluster.hpp"
#include "store/repository.hpp"
#include "store/sealing.hpp"
#include "store/targets.hpp"
#include "store/tokens.hpp"

namespace pganalytics::workflow {

/// Where things lie in the state folder.
struct StateFolder {
    std::filesystem::path path;
    [[nodiscard]] static base::Result<StateFolder> of(const base::Config& config);
    [[nodiscard]] std::filesystem::path repository() const { return path / "repository"; }
    [[nodiscard]] std::filesystem::path sample() const { return path / "sample"; }
    [[nodiscard]] std::filesystem::path sealing_key() const { return path / "sealing.key"; }
    [[nodiscard]] std::filesystem::path token() const { return path / "token"; }
    /// Makes it with mode 0700, owned by whom the private servers run as.
    [[nodiscard]] base::Status create() const;
};

enum class AccessMode {
    own,    ///< `up` and `serve`: the private cluster must be ours; conflict where another process runs it
    share,  ///< commands: uses a running instance's cluster, else starts it for as long as the command lasts
};

class RepositoryAccess {
  public:
    /// Starts or finds the cluster where there is one, and migrates. With `repository.conninfo` a server that is down
    /// is an error here (retry_later).
    [[nodiscard]] static base::Result<RepositoryAccess> open(const base::Config& config, AccessMode mode);

    [[nodiscard]] store::Repository& repository() { return *repository_; }
    [[nodiscard]] store::TargetStore targets() { return {*repository_, *key_}; }
    /// What identifiers of predictions are signed with: the same on every process that opens the same targets.
    [[nodiscard]] base::Secret prediction_key() const { return key_->derive("predictions"); }
    [[nodiscard]] const StateFolder& state() const { return state_; }
    /// Null where the repository is another server or another instance's.
    [[nodiscard]] postgres::PrivateCluster* cluster() { return cluster_ ? &*cluster_ : nullptr; }
    [[nodiscard]] const store::MigrationReport& migration() const { return migration_; }

    /// The token for the command line on this machine, named after host and state folder: made at the first start, kept
    /// in a file of mode 0600. The secret, when it was made just now or can be read.
    [[nodiscard]] base::Result<base::Secret> first_token();

  private:
    RepositoryAccess() = default;

    StateFolder state_;
    std::optional<postgres::PrivateCluster> cluster_;
    std::unique_ptr<store::Repository> repository_;  // after the cluster: its connections close first
    std::optional<store::SealingKey> key_;
    store::MigrationReport migration_;
};

}  // namespace pganalytics::workflow
