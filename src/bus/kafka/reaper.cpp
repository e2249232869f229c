#include "bus/kafka/reaper.h"

#include <chrono>
#include <thread>
#include <utility>

#include "observe/exceptions.h"
#include "observe/log.h"

namespace ledgerline::bus {

KafkaReaper::KafkaReaper(Metrics& metrics) : metrics_(metrics) {}

KafkaReaper::~KafkaReaper() { any_left_behind(); }

void KafkaReaper::destroy(rd_kafka_t* handle, std::shared_ptr<void> used_by_callbacks) {
    std::list<Burial>::iterator burial;
    {
        const std::lock_guard lock(state_->mutex);
        burial = state_->burials.insert(state_->burials.end(), {std::chrono::steady_clock::now()});
    }
    const auto bury = [state = state_, burial, handle, used = std::move(used_by_callbacks)] {
        rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        const std::lock_guard lock(state->mutex);
        state->burials.erase(burial);
        state->done.notify_all();
    };
    try {
        std::thread(bury).detach();
    } catch (const std::system_error& no_thread) {
        note_exception(metrics_, "kafka-client", no_thread.what());
        bury();
    }
}

void KafkaReaper::look() {
    const std::lock_guard lock(state_->mutex);
    for (Burial& burial : state_->burials) {
        if (burial.counted || std::chrono::steady_clock::now() - burial.begun_at < destroy_wait_max) continue;
        burial.counted = true;
        metrics_.kafka_clients_abandoned_total.Increment();
        log::warn("kafka: a client cannot be destroyed and is left behind");
    }
}

bool KafkaReaper::any_left_behind() {
    {
        std::unique_lock lock(state_->mutex);
        while (!state_->burials.empty()) {
            const SteadyTime deadline = state_->burials.back().begun_at + destroy_wait_max;
            if (state_->done.wait_until(lock, deadline) == std::cv_status::timeout) break;
        }
    }
    look();
    const std::lock_guard lock(state_->mutex);
    return !state_->burials.empty();
}

}  // namespace ledgerline::bus
