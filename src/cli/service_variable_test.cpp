#include "cli/service_variable.h"

#include <gtest/gtest.h>

#include "cli/kafka_options.h"

namespace ledgerline::cli {
namespace {

TEST(ServiceVariables, AreToldFromSettings) {
    for (const char* name :
         {"KAFKA_SERVICE_HOST", "KAFKA_SERVICE_PORT", "KAFKA_SERVICE_PORT_TLS_EXTERNAL", "KAFKA_PORT",
          "KAFKA_PORT_9093_TCP", "KAFKA_PORT_9093_TCP_PROTO", "KAFKA_PORT_9093_TCP_PORT", "KAFKA_PORT_53_UDP_ADDR",
          "KAFKA_PORT_9_SCTP", "KAFKA_SSL_PORT_OF_CALL_PORT_1_TCP", "LEDGERLINE_PORT"})
        EXPECT_TRUE(is_service_variable(name)) << name;
    for (const char* name : {"KAFKA_SECURITY_PROTOCOL", "KAFKA_SSL_CA_LOCATION", "KAFKA_SASL_KERBEROS_SERVICE_NAME",
                             "KAFKA_SASL_PASSWORD", "LEDGERLINE_LISTEN", "PORT", "KAFKA_PORT_9093", "KAFKA_PORT_TCP",
                             "KAFKA_PORT_9093_TCPX", "KAFKA_PORTAL", "KAFKA_SSL_SUPPORT"})
        EXPECT_FALSE(is_service_variable(name)) << name;
}

TEST(ServiceVariables, AreNoPropertiesOfKafka) {
    const char* const entries[] = {"KAFKA_SSL_SERVICE_HOST=10.0.0.7", "KAFKA_SSL_PORT=tcp://10.0.0.7:9093",
                                   "KAFKA_SASL_PORT_9093_TCP_ADDR=10.0.0.7", "KAFKA_SASL_MECHANISM=PLAIN", nullptr};
    EXPECT_EQ(kafka_properties_of(entries), (KafkaProperties{{"sasl.mechanism", "PLAIN"}}));
}

}  // namespace
}  // namespace ledgerline::cli
