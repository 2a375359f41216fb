#include "patterns/spectrum.hpp"

#include <fftw3.h>

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>

namespace pganalytics::patterns {
namespace {

struct FftwFree {
    void operator()(void* memory) const { fftw_free(memory); }
};

// FFTW's planner is the one part of it that is not safe from several threads.
std::mutex& planner_lock() {
    static std::mutex lock;
    return lock;
}

// Real data forward or half-complex data backward, of one length, with its memory. Planning costs more than a transform
// does, so each thread keeps the last few.
class Transform {
  public:
    enum class Direction { forward, backward };

    Transform(std::size_t length, Direction direction)
        : length_(length),
          direction_(direction),
          real_(fftw_alloc_real(length)),
          complex_(fftw_alloc_complex(length / 2 + 1)) {
        const std::lock_guard guard(planner_lock());
        const auto size = static_cast<int>(length);
        plan_ = direction == Direction::forward
                    ? fftw_plan_dft_r2c_1d(size, real_.get(), complex_.get(), FFTW_ESTIMATE)
                    : fftw_plan_dft_c2r_1d(size, complex_.get(), real_.get(), FFTW_ESTIMATE);
    }
    ~Transform() {
        const std::lock_guard guard(planner_lock());
        fftw_destroy_plan(plan_);
    }
    Transform(const Transform&) = delete;
    Transform& operator=(const Transform&) = delete;

    [[nodiscard]] bool is(std::size_t length, Direction direction) const {
        return length_ == length && direction_ == direction;
    }
    [[nodiscard]] double* real() { return real_.get(); }
    [[nodiscard]] fftw_complex* complex() { return complex_.get(); }
    void run() { fftw_execute(plan_); }

  private:
    std::size_t length_;
    Direction direction_;
    std::unique_ptr<double, FftwFree> real_;
    std::unique_ptr<fftw_complex, FftwFree> complex_;
    fftw_plan plan_ = nullptr;
};

Transform& transform_of(std::size_t length, Transform::Direction direction) {
    constexpr std::size_t kept = 6;
    thread_local std::list<Transform> recent;
    const auto found =
        std::find_if(recent.begin(), recent.end(), [&](const Transform& t) { return t.is(length, direction); });
    if (found != recent.end()) {
        recent.splice(recent.begin(), recent, found);
    } else {
        if (recent.size() >= kept) recent.pop_back();
        recent.emplace_front(length, direction);
    }
    return recent.front();
}

}  // namespace

std::size_t fast_length(std::size_t minimum) {
    for (std::size_t length = std::max<std::size_t>(minimum, 1);; ++length) {
        std::size_t rest = length;
        for (const std::size_t factor : {2U, 3U, 5U}) {
            while (rest % factor == 0) rest /= factor;
        }
        if (rest == 1) return length;
    }
}

std::vector<double> power_spectrum(std::span<const double> values, std::size_t padded) {
    Transform& transform = transform_of(padded, Transform::Direction::forward);
    std::copy(values.begin(), values.end(), transform.real());
    std::fill(transform.real() + values.size(), transform.real() + padded, 0.0);
    transform.run();
    std::vector<double> power(padded / 2 + 1);
    for (std::size_t k = 0; k < power.size(); ++k) {
        const fftw_complex& at = transform.complex()[k];
        power[k] = at[0] * at[0] + at[1] * at[1];
    }
    return power;
}

std::vector<double> autocorrelations(std::span<const double> values, std::size_t max_lag) {
    std::vector<double> result(max_lag + 1, 0.0);
    if (values.empty()) return result;
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    std::vector<double> centred(values.begin(), values.end());
    for (double& value : centred) value -= mean;

    // Wiener–Khinchin; padding keeps the ends from meeting.
    const std::size_t padded = fast_length(values.size() + max_lag + 1);
    const std::vector<double> power = power_spectrum(centred, padded);
    Transform& transform = transform_of(padded, Transform::Direction::backward);
    for (std::size_t k = 0; k < power.size(); ++k) {
        transform.complex()[k][0] = power[k];
        transform.complex()[k][1] = 0;
    }
    transform.run();
    const double* output = transform.real();
    if (output[0] <= 0) return result;
    for (std::size_t lag = 0; lag <= max_lag; ++lag) result[lag] = output[lag] / output[0];
    return result;
}

}  // namespace pganalytics::patterns
