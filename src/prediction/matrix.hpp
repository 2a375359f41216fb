#pragma once
// Feature rows as learners take them: row-major single precision, NaN for missing. Value type.

#include <cstddef>
#include <span>
#include <vector>

namespace pganalytics::prediction {

class Matrix {
  public:
    explicit Matrix(std::size_t columns) : columns_(columns) {}

    void add_row(std::span<const double> row) {
        for (const double value : row) values_.push_back(static_cast<float>(value));
    }
    [[nodiscard]] std::size_t columns() const { return columns_; }
    [[nodiscard]] std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
    [[nodiscard]] std::span<const float> row(std::size_t index) const {
        return {values_.data() + index * columns_, columns_};
    }
    [[nodiscard]] const float* data() const { return values_.data(); }

  private:
    std::size_t columns_;
    std::vector<float> values_;
};

}  // namespace pganalytics::prediction
