#include "parameters/memory_cap.hpp"

#include <algorithm>

namespace pganalytics::parameters {

double memory_shares(const std::vector<MemoryNode>& nodes, const MemorySettings& settings) {
    double shares = 0;
    for (const auto& node : nodes) {
        shares += node.processes * (node.hashes() ? std::max(1.0, settings.hash_mem_multiplier) : 1.0);
    }
    return std::max(1.0, shares);
}

std::vector<bool> grant(const std::vector<MemoryDemand>& demands, double available_bytes) {
    std::vector<bool> granted;
    double taken = 0;
    for (const auto& demand : demands) {
        const double bytes = demand.bytes();
        // Written so that a demand that is not a number is refused.
        const bool fits = bytes >= 0 && taken + bytes <= available_bytes;
        if (fits) taken += bytes;
        granted.push_back(fits);
    }
    return granted;
}

std::optional<double> available_bytes(std::optional<base::Bytes> total, std::optional<double> percent) {
    if (!total || !percent || total->value <= 0) return std::nullopt;
    if (!(*percent >= 0 && *percent <= 100)) return std::nullopt;
    return static_cast<double>(total->value) * *percent / 100;
}

}  // namespace pganalytics::parameters
