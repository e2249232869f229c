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
    std::list<Destruction>::iterator destruction;
    {
        const std::lock_guard lock(state_->mutex);
        destruction = state_->destructions.insert(state_->destructions.end(), {std::chrono::steady_clock::now()});
    }
    const auto reap = [state = state_, destruction, handle, used = std::move(used_by_callbacks)] {
        rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        const std::lock_guard lock(state->mutex);
        state->destructions.erase(destruction);
        state->done.notify_all();
    };
    try {
        std::thread(reap).detach();
    } catch (const std::system_error& no_thread) {
        note_exception(metrics_, "kafka-client", no_thread.what());
        reap();
    }
}

void KafkaReaper::look() {
    const std::lock_guard lock(state_->mutex);
    for (Destruction& destruction : state_->destructions) {
        if (destruction.counted || std::chrono::steady_clock::now() - destruction.begun_at < destroy_wait_max) continue;
        destruction.counted = true;
        metrics_.kafka_clients_abandoned_total.Increment();
        log::warn("kafka: a client cannot be destroyed and is left behind");
    }
}

bool KafkaReaper::any_left_behind() {
    {
        std::unique_lock lock(state_->mutex);
        while (!state_->destructions.empty()) {
            const SteadyTime deadline = state_->destructions.back().begun_at + destroy_wait_max;
            if (state_->done.wait_until(lock, deadline) == std::cv_status::timeout) break;
        }
    }
    look();
    const std::lock_guard lock(state_->mutex);
    return !state_->destructions.empty();
}

}  // namespace ledgerline::bus
