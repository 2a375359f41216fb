#include "sql/large_stack.hpp"

#include <pthread.h>

namespace pganalytics::sql {
namespace {

constexpr std::size_t large_stack_bytes = std::size_t{512} << 20U;

void* run(void* work) {
    (*static_cast<const std::function<void()>*>(work))();
    return nullptr;
}

}  // namespace

base::Status run_with_stack_for(std::size_t tokens, const std::function<void()>& work) {
    if (tokens <= tokens_for_callers_stack) {
        work();
        return {};
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, large_stack_bytes);
    pthread_t thread{};
    const int failed = pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&work));
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        return base::Error{base::ErrorCode::retry_later, "No thread with a large stack could be started for parsing.",
                           "Raise the limits on threads and address space (ulimit -u, ulimit -v).", ""};
    }
    pthread_join(thread, nullptr);
    return {};
}

}  // namespace pganalytics::sql
