// rows.hpp -- how the peers in C++ measure and tell it: blocks of equal work, the median block, and CPU time beside wall.
#ifndef ROWS_HPP
#define ROWS_HPP

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

namespace rows {

inline double wall() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

inline double cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Measurement {
    std::vector<double> seconds; // of the blocks, rising
    double load;                 // CPU seconds per wall second: above 1.05 more than one thread worked
    double median() const { return seconds[seconds.size() / 2]; }
};

inline Measurement measure(const std::function<void()> &block, int blocks) {
    block(); // warm
    Measurement m;
    const double cpu_begin = cpu(), wall_begin = wall();
    for (int i = 0; i < blocks; i++) {
        const double begin = wall();
        block();
        m.seconds.push_back(wall() - begin);
    }
    m.load = (cpu() - cpu_begin) / (wall() - wall_begin);
    std::sort(m.seconds.begin(), m.seconds.end());
    return m;
}

inline void print(std::FILE *csv, const std::string &name, double median, double low, double high, const char *unit, double load) {
    const bool is_void = load > 1.05;
    std::printf("  %-34s %9.2f %-3s  %7.2f .. %-7.2f  cpu/wall %.2f%s\n", name.c_str(), median, unit, low, high, load,
                is_void ? "  VOID: more than one thread" : "");
    if (csv != nullptr && !is_void) std::fprintf(csv, "%s,%.6g,%s\n", name.c_str(), median, unit);
}

// The time per unit of work, of which a block has `count`.
inline void time(std::FILE *csv, const std::string &name, const std::function<void()> &block, int blocks, int count, double scale,
                 const char *unit) {
    const Measurement m = measure(block, blocks);
    const double unit_of_time = scale / count;
    print(csv, name, m.median() * unit_of_time, m.seconds.front() * unit_of_time, m.seconds.back() * unit_of_time, unit, m.load);
}

// Units of work per second, of which a block has `count`.
inline void rate(std::FILE *csv, const std::string &name, int count, const std::function<void()> &block) {
    const Measurement m = measure(block, 7);
    print(csv, name, count / m.median(), count / m.seconds.back(), count / m.seconds.front(), "1/s", m.load);
}

} // namespace rows

#endif
