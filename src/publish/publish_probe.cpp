#include "publish/publish_probe.h"

#include <utility>

#include "observe/log.h"

namespace ledgerline::publish {

PublishProbe::PublishProbe(bus::MessagingNames messaging, Metrics& metrics, Tracer& tracer)
    : messaging_(std::move(messaging)),
      span_attributes_(bus::messaging_attributes(messaging_, "publish", "send")),
      metrics_(metrics),
      tracer_(tracer) {}

void PublishProbe::database_away(const Error& error) {
    if (!std::exchange(is_away_, true))
        log::warn("publisher: the database is away", {{"code", error.code}, {"error", error.message}});
    standing_.troubled("the publisher cannot write: " + error.message);
}

void PublishProbe::database_answered() {
    if (std::exchange(is_away_, false)) log::info("publisher: the database answers again");
    standing_.well();
}

void PublishProbe::holds(std::size_t leases) {
    const std::size_t before = std::exchange(leases_, leases);
    if (leases != before) log::info("publisher: number of leases changed", {{"held", leases}, {"before", before}});
    metrics_.publisher_lanes_owned.Set(static_cast<double>(leases));
}

void PublishProbe::released_all() {
    leases_ = 0;
    metrics_.publisher_lanes_owned.Set(0);
}

void PublishProbe::not_released(const Error& error) {
    log::warn("publisher: leases not released, they expire", {{"error", error.message}});
}

void PublishProbe::continues_elsewhere(const Lease& lease) {
    log::info("publisher: lane continues from another place",
              {{"lane", lease.lane}, {"seq", lease.published_seq}, {"epoch", lease.epoch}});
}

void PublishProbe::stopped(std::size_t at_hole, std::size_t halted) {
    metrics_.publisher_lanes_with_hole.Set(static_cast<double>(at_hole));
    metrics_.publisher_lanes_halted.Set(static_cast<double>(halted));
}

void PublishProbe::found_hole() { metrics_.publish_errors_total.Increment(); }

void PublishProbe::halted(const Lease& lease, const Error& error) {
    log::error(
        "publisher: lane halted",
        {{"lane", lease.lane}, {"seq", lease.published_seq + 1}, {"code", error.code}, {"error", error.message}});
}

void PublishProbe::paused(const Lease& lease, const Error& error) {
    log::write(error.disposition == Disposition::stop ? log::Level::error : log::Level::warn, "publisher: lane pauses",
               {{"lane", lease.lane}, {"seq", lease.published_seq + 1}, {"error", error.message}});
}

void PublishProbe::waits_for_bus(int lane, const std::string& text) {
    log::warn("publisher: lane waits for the bus", {{"lane", lane}, {"error", text}});
}

void PublishProbe::measured(const Backlog& backlog) {
    metrics_.outbox_backlog_events.Set(static_cast<double>(backlog.unpublished_events));
    metrics_.outbox_oldest_event_age_seconds.Set(static_cast<double>(backlog.oldest_unapplied_age.count()));
    metrics_.dead_letters_parked.Set(static_cast<double>(backlog.dead_letters_parked));
}

std::shared_ptr<PublishTrace> PublishProbe::begin_round() {
    return std::make_shared<PublishTrace>(tracer_, messaging_, span_attributes_);
}

void PublishProbe::sent(std::size_t events) { metrics_.publish_batch_size.Observe(static_cast<double>(events)); }

void PublishProbe::delivered() { metrics_.events_published_total.Increment(); }

void PublishProbe::not_delivered() { metrics_.publish_errors_total.Increment(); }

void PublishProbe::reported_all(SteadyTime::duration since_sent) {
    metrics_.publish_duration_seconds.Observe(std::chrono::duration<double>(since_sent).count());
}

BatchLog PublishProbe::published() { return BatchLog("events published"); }

}  // namespace ledgerline::publish
