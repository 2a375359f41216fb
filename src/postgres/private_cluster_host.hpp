#pragma once
// What private_cluster.cpp asks private_cluster_host.cpp about the machine. Not for other modules.

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "postgres/private_cluster.hpp"

namespace pganalytics::postgres {

[[nodiscard]] base::Result<int> major_of_binaries(const std::filesystem::path& folder);
[[nodiscard]] std::optional<std::filesystem::path> binaries_of_major(int major);

/// Made where absent, given to the user, mode 0700. grant_access where it belongs to someone else or is a link.
[[nodiscard]] base::Status make_private_folder(const std::filesystem::path& folder, const ProcessUser& user);
/// grant_access where the user that root drops to cannot enter it.
[[nodiscard]] base::Status check_reachable(const std::filesystem::path& folder, const ProcessUser& user);
/// A short folder for the socket of the cluster in `cluster_folder`.
[[nodiscard]] base::Result<std::filesystem::path> make_socket_folder(const std::filesystem::path& configured,
                                                                     const std::filesystem::path& cluster_folder,
                                                                     const ProcessUser& user);
/// PostgreSQL processes whose working folder this is: the postmaster and its backends, whoever started them.
[[nodiscard]] std::vector<pid_t> servers_in(const std::filesystem::path& data_folder);

}  // namespace pganalytics::postgres
