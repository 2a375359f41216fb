#include "patterns/harmonic_model.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace pganalytics::patterns {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Index = Eigen::Index;
using Design = Eigen::Map<Matrix>;
using DesignPart = Eigen::Ref<const Matrix>;

// A design of some hundred kilobytes is built hundreds of times in one search; fresh memory for each would cost more
// than the fit. One buffer a thread, of which only one design is alive at a time.
Design new_design(Index rows, Index columns) {
    thread_local std::vector<double> buffer;
    const auto wanted = static_cast<std::size_t>(rows * columns);
    if (buffer.size() < wanted) buffer.resize(wanted);
    return {buffer.data(), rows, columns};
}

// e^{-iωt} for four neighbouring samples at once: one rotation waits for the one before, four do not.
class Rotation {
  public:
    static constexpr std::size_t lanes = 4;

    Rotation(double omega, std::size_t from, std::complex<double> amplitude = 1) {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const std::complex<double> at = amplitude * std::polar(1.0, -omega * static_cast<double>(from + lane));
            real[lane] = at.real();
            imaginary[lane] = at.imag();
        }
        const std::complex<double> turn = std::polar(1.0, -omega * static_cast<double>(lanes));
        turn_real_ = turn.real();
        turn_imaginary_ = turn.imag();
    }
    void advance() {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const double next = real[lane] * turn_real_ - imaginary[lane] * turn_imaginary_;
            imaginary[lane] = real[lane] * turn_imaginary_ + imaginary[lane] * turn_real_;
            real[lane] = next;
        }
    }

    std::array<double, lanes> real{};
    std::array<double, lanes> imaginary{};

  private:
    double turn_real_ = 0;
    double turn_imaginary_ = 0;
};

void fill_wave(Design& design, Index column, double frequency) {
    Rotation now(2 * std::numbers::pi * frequency, 0);
    double* cosine = design.col(column).data();
    double* sine = design.col(column + 1).data();
    const auto n = static_cast<std::size_t>(design.rows());
    std::size_t t = 0;
    for (; t + Rotation::lanes <= n; t += Rotation::lanes) {
        for (std::size_t lane = 0; lane < Rotation::lanes; ++lane) {
            cosine[t + lane] = now.real[lane];
            sine[t + lane] = -now.imaginary[lane];
        }
        now.advance();
    }
    for (std::size_t lane = 0; t < n; ++t, ++lane) {
        cosine[t] = now.real[lane];
        sine[t] = -now.imaginary[lane];
    }
}

Index trend_columns(const std::vector<TrendTerm>& terms) {
    return 2 + static_cast<Index>(terms.size());
}

Index wave_columns(const std::vector<HarmonicGroup>& groups) {
    Index columns = 0;
    for (const HarmonicGroup& group : groups) columns += 2 * static_cast<Index>(group.harmonics.size());
    return columns;
}

void fill_trend(Design& design, const std::vector<TrendTerm>& terms) {
    const Index n = design.rows();
    const double half = std::max(1.0, static_cast<double>(n - 1) / 2);
    for (Index t = 0; t < n; ++t) {
        design(t, 0) = 1;
        design(t, 1) = (static_cast<double>(t) - half) / half;
    }
    Index column = 2;
    for (const TrendTerm& term : terms) {
        const auto at = static_cast<Index>(term.at);
        for (Index t = 0; t < n; ++t) {
            const double beyond = t < at ? 0.0 : static_cast<double>(t - at) / half;
            design(t, column) = term.kind == TrendTerm::Kind::bend ? beyond : (t < at ? 0.0 : 1.0);
        }
        ++column;
    }
}

void fill_waves(Design& design, Index column, const std::vector<HarmonicGroup>& groups) {
    for (const HarmonicGroup& group : groups) {
        for (const int harmonic : group.harmonics) {
            fill_wave(design, column, group.frequency * harmonic);
            column += 2;
        }
    }
}

// A trace of ridge: near-equal frequencies must not blow up, and the columns are well scaled.
void add_ridge(Matrix& gram, Index rows) {
    gram.diagonal().array() += 1e-7 * static_cast<double>(rows);
}

// Sums of products of two waves over all samples, in closed form: those are sums of waves of the sum and of the
// difference of their frequencies, and each such sum is Dirichlet's kernel. Sines of sums come from the addition
// theorems, so that a pair of waves costs twenty products, whatever the length of the series.
class WaveProducts {
  public:
    explicit WaveProducts(Index size) : size_(static_cast<double>(size)) {}

    void add(double frequency) {
        const double half = std::numbers::pi * frequency;
        waves_.push_back({Turn(half), Turn(size_ * half), Turn((size_ - 1) * half)});
    }
    // Lower triangle, from `column` on.
    void fill(Matrix& gram, Index column) const {
        for (std::size_t i = 0; i < waves_.size(); ++i) {
            const Index row = column + 2 * static_cast<Index>(i);
            for (std::size_t j = 0; j <= i; ++j) {
                const Index at = column + 2 * static_cast<Index>(j);
                const std::complex<double> sum = kernel(waves_[i], waves_[j], 1);
                const std::complex<double> difference = kernel(waves_[i], waves_[j], -1);
                gram(row, at) = (difference.real() + sum.real()) / 2;
                gram(row + 1, at + 1) = (difference.real() - sum.real()) / 2;
                gram(row + 1, at) = (sum.imag() + difference.imag()) / 2;
                gram(row, at + 1) = (sum.imag() - difference.imag()) / 2;
            }
        }
    }

  private:
    struct Turn {
        explicit Turn(double angle) : cosine(std::cos(angle)), sine(std::sin(angle)) {}
        double cosine;
        double sine;
    };
    struct Wave {
        Turn half;    // ω/2
        Turn whole;   // nω/2
        Turn middle;  // (n − 1)ω/2
    };
    static double cosine(const Turn& a, const Turn& b, double sign) {
        return a.cosine * b.cosine - sign * a.sine * b.sine;
    }
    static double sine(const Turn& a, const Turn& b, double sign) {
        return a.sine * b.cosine + sign * a.cosine * b.sine;
    }
    // Σ e^{i(ω_a ± ω_b)t}
    [[nodiscard]] std::complex<double> kernel(const Wave& a, const Wave& b, double sign) const {
        constexpr double hardly_apart = 1e-7;
        const double below = sine(a.half, b.half, sign);
        const double height = std::abs(below) > hardly_apart
                                  ? sine(a.whole, b.whole, sign) / below
                                  : size_ * cosine(a.whole, b.whole, sign) / cosine(a.half, b.half, sign);
        return {height * cosine(a.middle, b.middle, sign), height * sine(a.middle, b.middle, sign)};
    }

    double size_;
    std::vector<Wave> waves_;
};

// Lower triangle of the products of all columns: the trend's by multiplication, the waves' in closed form.
Matrix gram_of(const DesignPart& design, Index trends, const std::vector<HarmonicGroup>& groups) {
    Matrix gram = Matrix::Zero(design.cols(), design.cols());
    gram.leftCols(trends).noalias() = design.transpose() * design.leftCols(trends);
    WaveProducts products(design.rows());
    for (const HarmonicGroup& group : groups) {
        for (const int harmonic : group.harmonics) products.add(group.frequency * harmonic);
    }
    products.fill(gram, trends);
    return gram;
}

Vector solve(const DesignPart& design, std::span<const double> values, Index trends,
             const std::vector<HarmonicGroup>& groups) {
    const Eigen::Map<const Vector> target(values.data(), static_cast<Index>(values.size()));
    Matrix gram = gram_of(design, trends, groups);
    add_ridge(gram, design.rows());
    return gram.selfadjointView<Eigen::Lower>().ldlt().solve(design.transpose() * target);
}

}  // namespace

std::vector<double> HarmonicFit::total() const {
    std::vector<double> all = trend;
    for (const std::vector<double>& wave : waves) {
        for (std::size_t t = 0; t < all.size(); ++t) all[t] += wave[t];
    }
    return all;
}

HarmonicFit HarmonicModel::fit(std::span<const double> values) const {
    const Index trends = trend_columns(trend);
    Design design = new_design(static_cast<Index>(size_), trends + wave_columns(groups));
    fill_trend(design, trend);
    fill_waves(design, trends, groups);
    const Vector coefficients = solve(design, values, trends, groups);

    HarmonicFit result;
    const auto part = [&](Index first, Index count) {
        const Vector sum = design.middleCols(first, count) * coefficients.segment(first, count);
        return std::vector<double>(sum.begin(), sum.end());
    };
    result.trend = part(0, trends);
    Index column = trends;
    for (const HarmonicGroup& group : groups) {
        const auto count = 2 * static_cast<Index>(group.harmonics.size());
        result.waves.push_back(part(column, count));
        column += count;
    }
    return result;
}

double HarmonicModel::refine(std::span<const double> values) {
    if (groups.empty()) return 0;
    const Index trends = trend_columns(trend);
    const Index waves = wave_columns(groups);
    const auto count = static_cast<Index>(groups.size());
    Design design = new_design(static_cast<Index>(size_), trends + waves + count);
    fill_trend(design, trend);
    fill_waves(design, trends, groups);
    const Eigen::Map<const Vector> target(values.data(), static_cast<Index>(size_));
    const DesignPart plain = design.leftCols(trends + waves);
    Matrix gram = Matrix::Zero(design.cols(), design.cols());
    gram.topLeftCorner(plain.cols(), plain.cols()) = gram_of(plain, trends, groups);
    Vector products(design.cols());
    products.head(plain.cols()) = plain.transpose() * target;
    Matrix plain_gram = gram.topLeftCorner(plain.cols(), plain.cols());
    add_ridge(plain_gram, design.rows());
    const Vector linear = plain_gram.selfadjointView<Eigen::Lower>().ldlt().solve(products.head(plain.cols()));

    // Columns of the derivative by each frequency, in units of 1/size.
    const double unit = 2 * std::numbers::pi / static_cast<double>(size_);
    const double half = static_cast<double>(size_) / 2;
    Index column = trends;
    for (Index g = 0; g < count; ++g) {
        auto derivative = design.col(trends + waves + g);
        derivative.setZero();
        for (const int harmonic : groups[static_cast<std::size_t>(g)].harmonics) {
            derivative +=
                harmonic * unit * (linear(column + 1) * design.col(column) - linear(column) * design.col(column + 1));
            column += 2;
        }
        for (Index t = 0; t < design.rows(); ++t) derivative(t) *= static_cast<double>(t) - half;
    }
    const auto derivatives = design.rightCols(count);
    gram.bottomRows(count).noalias() = derivatives.transpose() * design;
    products.tail(count) = derivatives.transpose() * target;
    add_ridge(gram, design.rows());
    const Vector joint = gram.selfadjointView<Eigen::Lower>().ldlt().solve(products);
    double largest = 0;
    for (Index g = 0; g < count; ++g) {
        const double move = std::clamp(joint(trends + waves + g), -0.25, 0.25);
        HarmonicGroup& group = groups[static_cast<std::size_t>(g)];
        group.frequency = std::clamp(group.frequency + move / static_cast<double>(size_),
                                     0.5 / static_cast<double>(size_), 0.5 / group.harmonics.back());
        largest = std::max(largest, std::abs(move));
    }
    return largest;
}

namespace {

// Σ values · e^{-iωt} over [from, to).
std::complex<double> demodulated(std::span<const double> values, double frequency, std::size_t from, std::size_t to) {
    Rotation now(2 * std::numbers::pi * frequency, from);
    std::array<double, Rotation::lanes> real{};
    std::array<double, Rotation::lanes> imaginary{};
    std::size_t t = from;
    for (; t + Rotation::lanes <= to; t += Rotation::lanes) {
        for (std::size_t lane = 0; lane < Rotation::lanes; ++lane) {
            real[lane] += values[t + lane] * now.real[lane];
            imaginary[lane] += values[t + lane] * now.imaginary[lane];
        }
        now.advance();
    }
    for (std::size_t lane = 0; t < to; ++t, ++lane) {
        real[lane] += values[t] * now.real[lane];
        imaginary[lane] += values[t] * now.imaginary[lane];
    }
    return {real[0] + real[1] + real[2] + real[3], imaginary[0] + imaginary[1] + imaginary[2] + imaginary[3]};
}

// Adds the real part of amplitude · e^{iωt}.
void add_line(std::vector<double>& wave, double frequency, std::complex<double> amplitude) {
    Rotation now(2 * std::numbers::pi * frequency, 0, std::conj(amplitude));
    std::size_t t = 0;
    for (; t + Rotation::lanes <= wave.size(); t += Rotation::lanes) {
        for (std::size_t lane = 0; lane < Rotation::lanes; ++lane) wave[t + lane] += now.real[lane];
        now.advance();
    }
    for (std::size_t lane = 0; t < wave.size(); ++t, ++lane) wave[t] += now.real[lane];
}

std::vector<double> left_by_others(std::span<const double> values, const HarmonicFit& fit, std::size_t group) {
    std::vector<double> rest(values.begin(), values.end());
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= fit.trend[t];
    for (std::size_t g = 0; g < fit.waves.size(); ++g) {
        if (g == group) continue;
        for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= fit.waves[g][t];
    }
    return rest;
}

}  // namespace

void HarmonicModel::backfit(std::span<const double> values, HarmonicFit& fit, std::optional<std::size_t> only) const {
    const double to_amplitude = 2 / static_cast<double>(size_);
    std::vector<double> rest(values.begin(), values.end());
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= fit.trend[t];
    for (const std::vector<double>& wave : fit.waves) {
        for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= wave[t];
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        if (only && *only != g) continue;
        std::vector<double>& wave = fit.waves[g];
        for (std::size_t t = 0; t < rest.size(); ++t) rest[t] += wave[t];
        std::fill(wave.begin(), wave.end(), 0.0);
        for (const int harmonic : groups[g].harmonics) {
            const double frequency = groups[g].frequency * harmonic;
            const std::complex<double> amplitude = to_amplitude * demodulated(rest, frequency, 0, size_);
            add_line(wave, frequency, amplitude);
        }
        for (std::size_t t = 0; t < rest.size(); ++t) rest[t] -= wave[t];
    }
    if (only) return;
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] += fit.trend[t];
    Design design = new_design(static_cast<Index>(size_), trend_columns(trend));
    fill_trend(design, trend);
    const Vector sum = design * solve(design, rest, design.cols(), {});
    fit.trend.assign(sum.begin(), sum.end());
}

void HarmonicModel::refine_group(std::span<const double> values, const HarmonicFit& fit, std::size_t group) {
    const std::vector<double> rest = left_by_others(values, fit, group);
    HarmonicGroup& refined = groups[group];
    double moments = 0;
    double weights = 0;
    for (const int harmonic : refined.harmonics) {
        const double frequency = refined.frequency * harmonic;
        const std::complex<double> first = demodulated(rest, frequency, 0, size_ / 2);
        const std::complex<double> second = demodulated(rest, frequency, size_ / 2, size_);
        const double turn = std::arg(second * std::conj(first));
        // Beyond a quarter turn the harmonic's phase may have wrapped.
        if (harmonic > 1 && std::abs(turn) > std::numbers::pi / 2) continue;
        const double weight = std::abs(first) * std::abs(second);
        moments += weight * harmonic * turn;
        weights += weight * harmonic * harmonic;
    }
    if (weights <= 0) return;
    const double move = moments / weights / (std::numbers::pi * static_cast<double>(size_));
    refined.frequency += std::clamp(move, -0.5 / static_cast<double>(size_), 0.5 / static_cast<double>(size_));
}

double sinusoid_gain(std::span<const double> values, double frequency) {
    return 2.0 / static_cast<double>(values.size()) * std::norm(demodulated(values, frequency, 0, values.size()));
}

}  // namespace pganalytics::patterns
