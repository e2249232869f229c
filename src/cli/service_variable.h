// The environment variables that Kubernetes sets in every container for every service of its namespace, and Docker for
// every linked container: a service called kafka-ssl makes KAFKA_SSL_PORT, which is no setting of anybody's.
#pragma once

#include <string_view>

namespace ledgerline::cli {

// Whether name is X_SERVICE_HOST, X_SERVICE_PORT, X_SERVICE_PORT_<NAME>, X_PORT or X_PORT_<N>_<TCP|UDP|SCTP>, the last
// perhaps with _PROTO, _PORT or _ADDR. No setting of ours is called so.
bool is_service_variable(std::string_view name);

}  // namespace ledgerline::cli
