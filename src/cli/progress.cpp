#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/amount_text.h"
#include "cli/terminal.h"

namespace ledgerline::cli {
namespace {

constexpr std::int64_t kBarWidth = 30;
constexpr milliseconds kDrawEvery{100};

double seconds_between(SteadyTime from, SteadyTime to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

Progress::Progress(const roles::Environment& environment, std::string what, std::string unit, std::int64_t total)
    : environment_(environment),
      what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      begun_at_(environment.clock.steady_now()),
      shown_at_(begun_at_) {}

void Progress::update(std::int64_t done) {
    const SteadyTime now = environment_.clock.steady_now();
    if (now - shown_at_ < (environment_.err_is_terminal ? kDrawEvery : line_every)) return;
    shown_at_ = now;
    if (environment_.err_is_terminal) {
        environment_.err << '\r' << bar(done) << ' ' << facts(done) << "\x1b[K" << std::flush;
        drawn_ = true;
    } else {
        environment_.err << what_ << ": " << facts(done) << '\n' << std::flush;
    }
}

void Progress::clear() {
    if (drawn_) environment_.err << "\r\x1b[K" << std::flush;
    drawn_ = false;
}

std::string Progress::bar(std::int64_t done) const {
    const std::int64_t filled = total_ > 0 ? std::min(kBarWidth, kBarWidth * done / total_) : kBarWidth;
    return fmt::format("{} [{:-<{}}]", what_, std::string(static_cast<std::size_t>(filled), '#'), kBarWidth);
}

std::string Progress::facts(std::int64_t done) const {
    const double seconds = seconds_between(begun_at_, environment_.clock.steady_now());
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    std::string text = fmt::format("{} of {} {}, {}/s", grouped(done), grouped(total_), unit_,
                                   grouped(static_cast<std::int64_t>(rate)));
    if (rate > 0 && done < total_) {
        const auto left = static_cast<std::int64_t>(static_cast<double>(total_ - done) / rate);
        text += fmt::format(", {}:{:02} left", left / 60, left % 60);
    }
    return text;
}

}  // namespace ledgerline::cli
