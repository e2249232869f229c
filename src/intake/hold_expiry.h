// HoldExpiry: releases the holds whose time has come. A hold expires by a RELEASE that is accepted like any other
// transaction, under a key that no caller can use: so it happens once, whoever tries, and what was accepted for the
// hold before comes first. Runs where the publisher runs. Not thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/backoff.h"
#include "base/result.h"
#include "base/uuid.h"
#include "base/wakeup.h"
#include "db/session.h"
#include "intake/hold_expiry_probe.h"
#include "intake/pg_intake_store.h"
#include "observe/process_context.h"

namespace ledgerline::intake {

class HoldExpiry {
public:
    static constexpr std::int64_t holds_per_round_max = 1000;
    // How late a hold may be noticed.
    static constexpr milliseconds idle{500};

    // publisher_wakeup: notified when releases were accepted. It and what context holds must outlive this.
    HoldExpiry(const db::ConnectionConfig& config, Wakeup& publisher_wakeup, const ProcessContext& context);

    // One round, and how long to sleep. Fails only with Disposition::stop.
    Result<milliseconds> step();

private:
    Result<std::size_t> release_due();
    Result<std::vector<IntakeResult>> accept(std::span<const IntakeItem> items);

    PgIntakeStore store_;
    db::Session session_;
    Wakeup& publisher_wakeup_;
    UuidGenerator& ids_;
    Backoff backoff_;
    HoldExpiryProbe probe_;
};

}  // namespace ledgerline::intake
