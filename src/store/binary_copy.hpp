#pragma once
// Rows in COPY's binary format (PostgreSQL manual, "COPY", Binary Format): big-endian, each field preceded by its
// length. For one thread.

#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/units.hpp"

namespace pganalytics::store {

class BinaryCopy {
  public:
    /// `write_rows` appends some rows and tells whether there are more.
    explicit BinaryCopy(std::function<bool(BinaryCopy&)> write_rows) : write_rows_(std::move(write_rows)) {}

    void begin_row(std::int16_t fields) { put(fields); }
    void add(std::int16_t value) { put_field(value); }
    void add(std::int32_t value) { put_field(value); }
    void add(std::int64_t value) { put_field(value); }
    void add(double value) { put_field(std::bit_cast<std::int64_t>(value)); }
    void add(base::Timestamp time) {
        // Microseconds since 2000-01-01.
        constexpr std::int64_t epoch_difference = 946684800000000;
        put_field(time.time_since_epoch().count() - epoch_difference);
    }
    void add_null() { put(std::int32_t{-1}); }

    /// What Connection::copy_in asks for: chunk after chunk, at the end "".
    [[nodiscard]] std::string_view next_chunk() {
        constexpr std::size_t chunk = 65536;
        buffer_.clear();
        if (!begun_) {
            buffer_.append("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
            begun_ = true;
        }
        while (more_ && buffer_.size() < chunk) more_ = write_rows_(*this);
        if (!more_ && !ended_) {
            put(std::int16_t{-1});
            ended_ = true;
        }
        return buffer_;
    }

  private:
    template <typename Integer>
    void put(Integer value) {
        auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
        char bytes[sizeof bits];
        for (std::size_t i = sizeof bits; i-- > 0;) {
            bytes[i] = static_cast<char>(bits & 0xFF);
            if constexpr (sizeof bits > 1) bits >>= 8;
        }
        buffer_.append(bytes, sizeof bits);
    }
    template <typename Integer>
    void put_field(Integer value) {
        put(static_cast<std::int32_t>(sizeof value));
        put(value);
    }

    std::function<bool(BinaryCopy&)> write_rows_;
    std::string buffer_;
    bool begun_ = false, more_ = true, ended_ = false;
};

}  // namespace pganalytics::store
