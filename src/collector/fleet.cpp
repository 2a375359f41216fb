#include "collector/fleet.hpp"

#include <algorithm>
#include <set>

namespace pganalytics::collector {

Fleet::Fleet(Sink& sink, CollectorOptions options, base::Log log)
    : options_(std::move(options)),
      sink_(sink),
      log_(std::move(log)),
      catalog_permits_(std::clamp(options_.catalogs_at_once, 1, 64)),
      queue_(sink, options_.queue_bytes, log_) {}

Fleet::~Fleet() {
    std::map<base::TargetId, Running> running;
    {
        const std::lock_guard lock(mutex_);
        running.swap(running_);
    }
    // All are told first, then waited for: together they take as long as the slowest, not as their sum.
    for (auto& [id, one] : running) one.thread.request_stop();
    running.clear();
}

Fleet::Running Fleet::start(TargetSpec target) {
    Running running;
    running.target = std::move(target);
    const FleetResources shared{&queue_, &sink_, &catalog_permits_, &clock_};
    running.loop = std::make_unique<TargetLoop>(running.target, options_, shared, log_);
    running.thread = std::jthread([loop = running.loop.get()](const std::stop_token& stop) { loop->run(stop); });
    return running;
}

void Fleet::add(TargetSpec target) {
    const auto id = target.id;
    remove(id);
    const std::lock_guard lock(mutex_);
    running_.insert_or_assign(id, start(std::move(target)));
}

void Fleet::remove(base::TargetId target) {
    Running gone;
    {
        const std::lock_guard lock(mutex_);
        const auto found = running_.find(target);
        if (found == running_.end()) return;
        gone = std::move(found->second);
        running_.erase(found);
    }
    gone.thread.request_stop();
    gone.thread.join();
}

void Fleet::keep_only(std::vector<TargetSpec> targets) {
    std::map<base::TargetId, const TargetSpec*> wanted;
    for (const auto& target : targets) wanted.emplace(target.id, &target);
    std::vector<base::TargetId> gone;
    std::set<base::TargetId> present;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, one] : running_) {
            const auto same = wanted.find(id);
            const bool stays = same != wanted.end() && same->second->is_collected_like(one.target);
            stays ? (void)present.insert(id) : gone.push_back(id);
        }
    }
    for (const auto id : gone) remove(id);
    for (auto& target : targets)
        if (!present.contains(target.id)) add(std::move(target));
}

std::vector<TargetStatus> Fleet::status() const {
    const std::lock_guard lock(mutex_);
    std::vector<TargetStatus> all;
    for (const auto& [id, one] : running_) all.push_back(one.loop->status());
    return all;
}

QueueState Fleet::queue_state() const {
    return queue_.state();
}

}  // namespace pganalytics::collector
