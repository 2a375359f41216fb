#include "workflow/repository_access.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/text.hpp"

namespace pganalytics::workflow {

namespace {

/// Several machines, and several instances of one, may share a repository: each has a first token of its own.
std::string first_token_name(const StateFolder& state) {
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return fmt::format("local {}:{}", host.data(), base::to_valid_utf8(state.path.string()));
}

base::Status write_private_file(const std::filesystem::path& path, const std::string& text) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const auto failed = [&] {
        return base::Error{base::ErrorCode::retry_later,
                           fmt::format("{} cannot be written: {}", path.string(), std::strerror(errno)),
                           "Check the space and the owner of the state folder.", "state.folder"};
    };
    if (descriptor < 0) return failed();
    const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (::close(descriptor) != 0 || !written) return failed();
    return {};
}

}  // namespace

base::Result<StateFolder> StateFolder::of(const base::Config& config) {
    if (!config.state_folder.empty()) {
        std::error_code failure;
        return StateFolder{std::filesystem::absolute(config.state_folder, failure)};
    }
    PGANALYTICS_ASSIGN(auto path, postgres::default_state_folder());
    return StateFolder{std::move(path)};
}

base::Status StateFolder::create() const {
    PGANALYTICS_ASSIGN(const auto user, postgres::unprivileged_user());
    std::error_code failure;
    const bool existed = std::filesystem::exists(path, failure);
    std::filesystem::create_directories(path, failure);
    if (failure) {
        return base::Error{base::ErrorCode::fix_input,
                           fmt::format("The state folder {} cannot be made: {}", path.string(), failure.message()),
                           "Name another with --state or PGANALYTICS_STATE_FOLDER.", "state.folder"};
    }
    if (existed) return {};
    if (::chmod(path.c_str(), 0700) != 0 || (user.drops_root && ::chown(path.c_str(), user.uid, user.gid) != 0)) {
        return base::Error{
            base::ErrorCode::fix_input,
            fmt::format("The state folder {} cannot be made private: {}", path.string(), std::strerror(errno)),
            "Name another with --state or PGANALYTICS_STATE_FOLDER.", "state.folder"};
    }
    return {};
}

base::Result<RepositoryAccess> RepositoryAccess::open(const base::Config& config, AccessMode mode) {
    RepositoryAccess access;
    PGANALYTICS_ASSIGN(access.state_, StateFolder::of(config));
    PGANALYTICS_RETURN_IF_ERROR(access.state_.create());
    base::Secret conninfo = config.repository_conninfo;
    if (conninfo.empty()) {
        postgres::PrivateClusterOptions options;
        options.folder = access.state_.repository();
        options.binaries = config.postgres_bin_folder;
        options.runtime_folder = config.runtime_folder;
        auto started = postgres::PrivateCluster::start(options);
        if (started) {
            access.cluster_.emplace(std::move(*started));
            conninfo = access.cluster_->conninfo();
        } else if (mode == AccessMode::share && started.error().code == base::ErrorCode::conflict) {
            PGANALYTICS_ASSIGN(conninfo, postgres::PrivateCluster::running_conninfo(options.folder, options.database));
        } else {
            return std::move(started).error();
        }
    }
    PGANALYTICS_ASSIGN(auto key, store::SealingKey::load_or_create(access.state_.sealing_key()));
    access.key_.emplace(std::move(key));
    access.repository_ = std::make_unique<store::Repository>(std::move(conninfo));
    PGANALYTICS_ASSIGN(access.migration_, access.repository_->migrate());
    return access;
}

base::Result<base::Secret> RepositoryAccess::first_token() {
    std::ifstream in(state_.token());
    std::string kept;
    if (in && std::getline(in, kept)) {
        base::Secret secret{std::string(base::trim(kept))};
        PGANALYTICS_ASSIGN(const auto token, store::TokenStore(*repository_).verify(secret));
        if (token) return secret;
    }
    // No file, or its token is of another repository or was revoked: a new one takes its place.
    store::TokenStore tokens(*repository_);
    PGANALYTICS_ASSIGN(const auto existing, tokens.list());
    const std::string name = first_token_name(state_);
    for (const auto& token : existing) {
        if (token.name == name && !token.revoked_at) PGANALYTICS_RETURN_IF_ERROR(tokens.revoke(token.id));
    }
    PGANALYTICS_ASSIGN(auto created, tokens.create(name, store::Role::admin));
    PGANALYTICS_RETURN_IF_ERROR(write_private_file(state_.token(), created.secret.reveal() + "\n"));
    return std::move(created.secret);
}

}  // namespace pganalytics::workflow
