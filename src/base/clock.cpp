#include "base/clock.h"

#include <algorithm>
#include <charconv>

namespace ledgerline {
namespace {

// PostgreSQL has no year 0.
constexpr int kYearMin = 1;
constexpr int kYearMax = 9999;
constexpr std::size_t kMicrosDigits = 6;
constexpr int kLeapSecond = 60;

// Consumes a time's text part by part from the front. Once one part does not match, none does.
class TimeReader {
public:
    explicit TimeReader(std::string_view text) : text_(text) {}

    // Reads exactly `digits` decimal digits as a number from least to most.
    int number(std::size_t digits, int least, int most) {
        int value = 0;
        const std::string_view part = text_.substr(0, digits);
        const auto parsed = std::from_chars(part.data(), part.data() + part.size(), value);
        fine_ = fine_ && part.size() == digits && part[0] != '-' && parsed.ec == std::errc() &&
                parsed.ptr == part.data() + digits && value >= least && value <= most;
        if (fine_) text_.remove_prefix(digits);
        return fine_ ? value : least;
    }
    void literal(char wanted) { fine_ = fine_ && take(wanted); }
    // Reads a letter in either case (RFC 3339, section 5.6).
    void letter(char upper) { fine_ = fine_ && take_letter(upper); }
    // In microseconds; further digits are cut off.
    int fraction() {
        if (!take('.')) return 0;
        const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
        fine_ = fine_ && digits > 0;
        const std::size_t counted = std::min(digits, kMicrosDigits);
        int micros = number(fine_ ? counted : 0, 0, 999'999);
        for (std::size_t i = counted; i < kMicrosDigits; ++i) micros *= 10;
        if (fine_) text_.remove_prefix(digits - counted);
        return micros;
    }
    std::chrono::minutes offset() {
        if (take_letter('Z')) return {};
        const bool behind = take('-');
        if (!behind) literal('+');
        const int hours = number(2, 0, 23);
        literal(':');
        const std::chrono::minutes ahead = std::chrono::hours(hours) + std::chrono::minutes(number(2, 0, 59));
        return behind ? -ahead : ahead;
    }
    bool ended() const { return fine_ && text_.empty(); }

private:
    bool take(char wanted) {
        if (!text_.starts_with(wanted)) return false;
        text_.remove_prefix(1);
        return true;
    }
    bool take_letter(char upper) { return take(upper) || take(static_cast<char>(upper - 'A' + 'a')); }

    std::string_view text_;
    bool fine_ = true;
};

}  // namespace

WallTime SystemClock::wall_now() const {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

WallTime ManualClock::wall_now() const {
    std::lock_guard lock(mutex_);
    return wall_;
}

SteadyTime ManualClock::steady_now() const {
    std::lock_guard lock(mutex_);
    return steady_;
}

void ManualClock::advance(std::chrono::microseconds by) {
    std::lock_guard lock(mutex_);
    wall_ += by;
    steady_ += by;
}

std::string format_rfc3339(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<std::chrono::microseconds> clock(time - day);
    // By hand, as each payment has several of these.
    constexpr std::string_view kRest = "-00-00T00:00:00.000000Z";
    const std::string year = std::to_string(static_cast<int>(date.year()));
    const std::size_t year_chars = std::max<std::size_t>(4, year.size());
    std::string text(year_chars - year.size(), '0');
    text.reserve(year_chars + kRest.size());
    text.append(year).append(kRest);
    const auto put = [&](std::size_t after_year, int digits, std::int64_t number) {
        std::size_t at = year_chars + after_year + static_cast<std::size_t>(digits);
        for (; digits > 0; --digits, number /= 10) text[--at] = static_cast<char>('0' + number % 10);
    };
    put(1, 2, static_cast<unsigned>(date.month()));
    put(4, 2, static_cast<unsigned>(date.day()));
    put(7, 2, clock.hours().count());
    put(10, 2, clock.minutes().count());
    put(13, 2, clock.seconds().count());
    put(16, 6, clock.subseconds().count());
    return text;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    TimeReader in(text);
    const year y(in.number(4, kYearMin, kYearMax));
    in.literal('-');
    const month m(static_cast<unsigned>(in.number(2, 1, 12)));
    in.literal('-');
    const day d(static_cast<unsigned>(in.number(2, 1, 31)));
    in.letter('T');
    const hours h(in.number(2, 0, 23));
    in.literal(':');
    const minutes min(in.number(2, 0, 59));
    in.literal(':');
    const seconds s(in.number(2, 0, kLeapSecond));
    const microseconds fraction(in.fraction());
    const minutes offset = in.offset();
    const year_month_day date(y, m, d);
    if (!in.ended() || !date.ok()) return std::nullopt;
    const WallTime minute = WallTime(sys_days(date)) + h + min - offset;
    // A leap second can only end the last minute of a day in UTC. The system's clock has none, so it counts as the next
    // second.
    if (s.count() == kLeapSecond && minute + minutes(1) != floor<days>(minute + minutes(1))) return std::nullopt;
    const WallTime time = minute + s + (s.count() == kLeapSecond ? microseconds(0) : fraction);
    const int in_utc = static_cast<int>(year_month_day(floor<days>(time)).year());
    if (in_utc < kYearMin || in_utc > kYearMax) return std::nullopt;
    return time;
}

}  // namespace ledgerline
