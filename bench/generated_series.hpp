#pragma once
// Series to try forecasts on where the truth of the process is known: loads of a server (hourly, by what makes their
// forecast or its interval hard) and business series with the samplings and lengths of the M4 competition (Makridakis,
// Spiliotis and Assimakopoulos 2020, table 1). Drawn from a seed; the future is the end of the same path.

#include <cstddef>
#include <string>
#include <vector>

namespace pganalytics::bench {

struct GeneratedSeries {
    double step_seconds = 3600;
    std::vector<double> values;
    std::vector<double> future;
};

/// "seasonal_ar", "level_shifts", …
[[nodiscard]] const std::vector<std::string>& load_processes();
[[nodiscard]] GeneratedSeries generate_load(const std::string& process, unsigned seed);

/// "yearly", "quarterly", "monthly", "weekly", "daily", "hourly".
[[nodiscard]] const std::vector<std::string>& m4_samplings();
[[nodiscard]] GeneratedSeries generate_m4_like(const std::string& sampling, unsigned seed);

}  // namespace pganalytics::bench
