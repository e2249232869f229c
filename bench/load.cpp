#include "bench/load.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/descriptor.h"
#include "bench/connection.h"

namespace ledgerline::bench {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::steady_clock;

constexpr std::string_view kCreatedItem = R"({"status":201,"replayed":false)";
constexpr std::string_view kProcessed = R"("status":"PROCESSED")";
constexpr std::uint32_t kTimer = UINT32_MAX;
constexpr int kSingleCreated = 201, kBatchAnswered = 200;

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

class Run {
public:
    Run(const LoadConfig& config, const Load::Phases& phases)
        : config_(config),
          phases_(phases),
          source_{SeededRandom(config.seed)},
          items_(std::max<std::size_t>(config.shape.batch_size, 1)) {}

    Result<Tally> operator()();

private:
    bool is_open_loop() const { return config_.per_second > 0; }
    bool is_measured(SteadyTime since) const { return measuring_ && since >= begin_ && since < end_; }
    SteadyTime due() const {
        return start_ +
               duration_cast<nanoseconds>(duration<double>(static_cast<double>(due_number_) / config_.per_second));
    }

    Result<void> open();
    void watch(std::uint32_t index, int operation);
    void turn_phase(SteadyTime now);
    void begin_measuring(SteadyTime now);
    void end_measuring(SteadyTime now);
    Result<void> send_due(SteadyTime now);
    Result<void> send(std::uint32_t index, SteadyTime since);
    Result<void> settle(std::uint32_t index, Connection::Progress progress);
    void count_answer(const AnswerReader& answer);
    bool is_over(SteadyTime now) const;
    SteadyTime next_moment() const;
    void set_timer();
    Result<void> wait();

    const LoadConfig& config_;
    const Load::Phases& phases_;
    Source source_;
    const std::uint64_t items_;  // transactions a call
    std::vector<Connection> connections_;
    std::vector<std::uint32_t> idle_;
    std::vector<bool> watches_writing_;
    Descriptor epoll_, timer_;
    SteadyTime timer_at_;  // what the timer is set to
    SteadyTime start_, begin_, end_ = SteadyTime::max();
    bool measuring_ = false, ended_ = false;
    std::uint64_t due_number_ = 0;  // open loop: of the next request
    std::uint64_t busy_ = 0;        // requests under way
    std::uint64_t measured_sent_ = 0;
    rusage cpu_at_begin_{};
    Tally tally_;
};

Result<void> Run::open() {
    epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    timer_ = Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    LEDGERLINE_ASSERT(epoll_.is_open() && timer_.is_open());
    epoll_event event{.events = EPOLLIN, .data = {.u32 = kTimer}};
    LEDGERLINE_ASSERT(epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, timer_.number(), &event) == 0);
    connections_.reserve(config_.connections);
    watches_writing_.resize(config_.connections);
    for (std::uint32_t index = 0; index < config_.connections; ++index) {
        connections_.emplace_back(config_.shape);
        LEDGERLINE_CHECK(connections_.back().connect(config_.port));
        watch(index, EPOLL_CTL_ADD);
        idle_.push_back(index);
    }
    return {};
}

void Run::watch(std::uint32_t index, int operation) {
    const bool writing = connections_[index].has_unsent();
    if (operation == EPOLL_CTL_MOD && watches_writing_[index] == writing) return;
    watches_writing_[index] = writing;
    epoll_event event{.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u32 = index}};
    LEDGERLINE_ASSERT(epoll_ctl(epoll_.number(), operation, connections_[index].socket(), &event) == 0);
}

void Run::begin_measuring(SteadyTime now) {
    measuring_ = true;
    // In the open loop from the intended moment on, so that no due request falls between the phases.
    begin_ = is_open_loop() ? start_ + config_.warm_up : now;
    end_ = begin_ + config_.duration;
    getrusage(RUSAGE_SELF, &cpu_at_begin_);
    phases_.begun();
}

void Run::end_measuring(SteadyTime now) {
    ended_ = true;
    end_ = std::min(end_, now);
    rusage cpu{};
    getrusage(RUSAGE_SELF, &cpu);
    tally_.seconds = duration<double>(now - begin_).count();
    tally_.user_cpu_seconds = seconds_of(cpu.ru_utime) - seconds_of(cpu_at_begin_.ru_utime);
    tally_.system_cpu_seconds = seconds_of(cpu.ru_stime) - seconds_of(cpu_at_begin_.ru_stime);
    phases_.ended();
}

void Run::turn_phase(SteadyTime now) {
    if (!measuring_ && now >= start_ + config_.warm_up) begin_measuring(now);
    const bool enough = config_.requests_max > 0 && measured_sent_ >= config_.requests_max && busy_ == 0;
    if (measuring_ && !ended_ && (now >= end_ || enough)) end_measuring(now);
}

Result<void> Run::send(std::uint32_t index, SteadyTime since) {
    ++busy_;
    measured_sent_ += is_measured(since) ? 1 : 0;
    return settle(index, connections_[index].send(source_, since));
}

// Sends what there is to send on the idle connections.
Result<void> Run::send_due(SteadyTime now) {
    while (!idle_.empty()) {
        const SteadyTime since = is_open_loop() ? due() : now;
        if (since > now || (measuring_ && since >= end_) || (ended_ && !is_open_loop())) return {};
        if (config_.requests_max > 0 && measured_sent_ >= config_.requests_max) return {};
        ++due_number_;
        const std::uint32_t index = idle_.back();
        idle_.pop_back();
        LEDGERLINE_CHECK(send(index, since));
    }
    return {};
}

void Run::count_answer(const AnswerReader& answer) {
    ++tally_.statuses[answer.status()];
    std::uint64_t accepted = 0;
    if (config_.shape.batch_size == 0)
        accepted = answer.status() == kSingleCreated ? 1 : 0;
    else if (answer.status() == kBatchAnswered)
        accepted = std::min<std::uint64_t>(occurrences(answer.body(), kCreatedItem), items_);
    tally_.accepted += accepted;
    tally_.refused += items_ - accepted;
    if (config_.shape.prefer_wait_seconds > 0)
        tally_.unsettled += accepted - std::min<std::uint64_t>(occurrences(answer.body(), kProcessed), accepted);
}

Result<void> Run::settle(std::uint32_t index, Connection::Progress progress) {
    Connection& connection = connections_[index];
    if (progress == Connection::Progress::waiting) {
        watch(index, EPOLL_CTL_MOD);
        return {};
    }
    const bool was_under_way = progress == Connection::Progress::answered || connection.is_busy();
    busy_ -= was_under_way ? 1 : 0;
    if (progress == Connection::Progress::answered) {
        if (is_measured(connection.since())) tally_.latencies.record(steady_clock::now() - connection.since());
        count_answer(connection.answer());
    } else {
        ++tally_.broken;
        tally_.unknown += was_under_way ? items_ : 0;
    }
    const bool reconnects =
        progress == Connection::Progress::broken || !connection.answer().keeps_alive() || connection.has_unsent();
    if (reconnects) {
        LEDGERLINE_CHECK(connection.connect(config_.port));
        watch(index, EPOLL_CTL_ADD);
    }
    // One that broke while idle is in the list already.
    if (was_under_way) idle_.push_back(index);
    return {};
}

bool Run::is_over(SteadyTime now) const {
    if (!ended_) return false;
    const bool all_sent = !is_open_loop() || due() >= end_;
    return (busy_ == 0 && all_sent) || now >= end_ + Load::drain_max;
}

SteadyTime Run::next_moment() const {
    SteadyTime next = ended_ ? end_ + Load::drain_max : measuring_ ? end_ : start_ + config_.warm_up;
    if (is_open_loop() && !idle_.empty() && (!measuring_ || due() < end_)) next = std::min(next, due());
    return next;
}

void Run::set_timer() {
    const SteadyTime next = next_moment();
    if (next == timer_at_) return;
    timer_at_ = next;
    // A moment in the past fires at once. Until the timer is set again it stays readable.
    const auto at = duration_cast<nanoseconds>(next.time_since_epoch()).count();
    const itimerspec spec{.it_interval = {}, .it_value = {.tv_sec = at / 1'000'000'000, .tv_nsec = at % 1'000'000'000}};
    LEDGERLINE_ASSERT(timerfd_settime(timer_.number(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
}

Result<void> Run::wait() {
    set_timer();
    std::array<epoll_event, 256> events;
    const int ready = epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()), -1);
    LEDGERLINE_ASSERT(ready >= 0 || errno == EINTR);
    for (int i = 0; i < ready; ++i) {
        const std::uint32_t index = events[static_cast<std::size_t>(i)].data.u32;
        if (index == kTimer) continue;
        LEDGERLINE_CHECK(settle(index, connections_[index].go_on()));
        // The next request goes out before the next answer is looked at, as it would from a client of its own.
        if (!is_open_loop()) LEDGERLINE_CHECK(send_due(steady_clock::now()));
    }
    return {};
}

Result<Tally> Run::operator()() {
    LEDGERLINE_CHECK(open());
    start_ = steady_clock::now();
    for (SteadyTime now = start_; !is_over(now); now = steady_clock::now()) {
        turn_phase(now);
        LEDGERLINE_CHECK(send_due(now));
        LEDGERLINE_CHECK(wait());
    }
    tally_.unknown += busy_ * items_;
    if (is_open_loop() && due() < end_) {
        const double left = duration<double>(end_ - due()).count() * config_.per_second;
        tally_.unsent = static_cast<std::uint64_t>(std::ceil(left));
    }
    return std::move(tally_);
}

}  // namespace

Result<Tally> Load::run(const LoadConfig& config, const Phases& phases) { return Run(config, phases)(); }

}  // namespace ledgerline::bench
