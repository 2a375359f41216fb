#include "patterns/spectrum.hpp"

#include <fftw3.h>

#include <algorithm>
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

class Plan {
  public:
    explicit Plan(fftw_plan plan) : plan_(plan) {}
    ~Plan() {
        const std::lock_guard guard(planner_lock());
        fftw_destroy_plan(plan_);
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    void run() const { fftw_execute(plan_); }

  private:
    fftw_plan plan_;
};

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
    const std::unique_ptr<double, FftwFree> input(fftw_alloc_real(padded));
    const std::unique_ptr<fftw_complex, FftwFree> output(fftw_alloc_complex(padded / 2 + 1));
    const Plan plan([&] {
        const std::lock_guard guard(planner_lock());
        return fftw_plan_dft_r2c_1d(static_cast<int>(padded), input.get(), output.get(), FFTW_ESTIMATE);
    }());
    std::copy(values.begin(), values.end(), input.get());
    std::fill(input.get() + values.size(), input.get() + padded, 0.0);
    plan.run();
    std::vector<double> power(padded / 2 + 1);
    for (std::size_t k = 0; k < power.size(); ++k) {
        const fftw_complex& at = output.get()[k];
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
    const std::unique_ptr<fftw_complex, FftwFree> input(fftw_alloc_complex(padded / 2 + 1));
    const std::unique_ptr<double, FftwFree> output(fftw_alloc_real(padded));
    const Plan plan([&] {
        const std::lock_guard guard(planner_lock());
        return fftw_plan_dft_c2r_1d(static_cast<int>(padded), input.get(), output.get(), FFTW_ESTIMATE);
    }());
    for (std::size_t k = 0; k < power.size(); ++k) {
        input.get()[k][0] = power[k];
        input.get()[k][1] = 0;
    }
    plan.run();
    if (output.get()[0] <= 0) return result;
    for (std::size_t lag = 0; lag <= max_lag; ++lag) result[lag] = output.get()[lag] / output.get()[0];
    return result;
}

}  // namespace pganalytics::patterns
