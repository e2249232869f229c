#include "db/session.h"

namespace ledgerline::db {

Session::Session(ConnectionConfig config, Metrics& metrics, std::string_view pool, Tracer& tracer)
    : config_(std::move(config)),
      reconnects_total_(metrics.database_reconnects_total.Add({{"pool", std::string(pool)}})),
      up_(metrics.database_up.Add({{"pool", std::string(pool)}})),
      meter_(std::make_unique<CallMeter>(metrics, tracer)) {
    up_.Set(1);
}

Result<void> Session::open_if_needed() {
    if (connection_) return {};
    auto opened = Connection::open(config_);
    up_.Set(opened ? 1 : 0);
    if (!opened) {
        Error error = std::move(opened).error();
        if (number_ > 0) error.disposition = Disposition::retry;
        return std::unexpected(std::move(error));
    }
    if (number_ > 0) reconnects_total_.Increment();
    ++number_;
    connection_.emplace(std::move(*opened));
    meter_->set_database(connection_->database());
    connection_->set_meter(meter_.get());
    return {};
}

void Session::settle() {
    connection_->rollback();
    if (!connection_->usable()) connection_.reset();
}

}  // namespace ledgerline::db
