#pragma once
// Delivers into the repository. Thread-safe as the repository is.

#include "collector/sink.hpp"
#include "store/ingest.hpp"
#include "store/targets.hpp"

namespace pganalytics::collector {

class StoreSink final : public Sink {
  public:
    StoreSink(store::Ingest ingest, store::TargetStore targets)
        : ingest_(std::move(ingest)), targets_(std::move(targets)) {}
    [[nodiscard]] base::Status deliver(const Delivery& delivery) override;
    [[nodiscard]] base::Result<std::vector<store::KnownStatement>> known_statements(base::TargetId target) override;

  private:
    store::Ingest ingest_;
    store::TargetStore targets_;
};

}  // namespace pganalytics::collector
