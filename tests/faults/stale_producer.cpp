#include "faults/stale_producer.h"

#include <librdkafka/rdkafka.h>

#include "base/result.h"

namespace ledgerline::test {
namespace {

constexpr int kFlushMsMax = 60'000;

void count_failure(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) ++*static_cast<int*>(opaque);
}

rd_kafka_headers_t* headers_of(const RawRecord& record) {
    rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
    for (const auto& [name, value] : record.headers)
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    return headers;
}

void* bytes(const std::optional<std::string>& text) { return text ? const_cast<char*>(text->data()) : nullptr; }
std::size_t size(const std::optional<std::string>& text) { return text ? text->size() : 0; }

}  // namespace

void StaleProducer::Destroy::operator()(rd_kafka_s* client) const { rd_kafka_destroy(client); }

StaleProducer::StaleProducer(const std::string& brokers) {
    char error[256];
    rd_kafka_conf_t* settings = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(settings, count_failure);
    rd_kafka_conf_set_opaque(settings, &failed_);
    LEDGERLINE_ASSERT(rd_kafka_conf_set(settings, "bootstrap.servers", brokers.c_str(), error, sizeof error) ==
                      RD_KAFKA_CONF_OK);
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, settings, error, sizeof error));
    LEDGERLINE_ASSERT(client_);
}

void StaleProducer::write(const std::string& topic, const std::vector<Record>& records) {
    for (const Record& record : records) produce(topic, record);
    LEDGERLINE_ASSERT(rd_kafka_flush(client_.get(), kFlushMsMax) == RD_KAFKA_RESP_ERR_NO_ERROR && failed_ == 0);
}

void StaleProducer::produce(const std::string& topic, const Record& record) {
    rd_kafka_vu_t parts[6]{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = record.partition;
    parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[2].u.i = RD_KAFKA_MSG_F_COPY;
    parts[3].vtype = RD_KAFKA_VTYPE_KEY;
    parts[3].u.mem = {bytes(record.raw.key), size(record.raw.key)};
    parts[4].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[4].u.mem = {bytes(record.raw.value), size(record.raw.value)};
    parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[5].u.headers = headers_of(record.raw);
    rd_kafka_error_t* const error = rd_kafka_produceva(client_.get(), parts, std::size(parts));
    LEDGERLINE_ASSERT(error == nullptr);
}

}  // namespace ledgerline::test
