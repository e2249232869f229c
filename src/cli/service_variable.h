// The environment variables that Kubernetes sets in every container for every service in its namespace, and Docker for
// every linked container: a service named kafka-ssl creates KAFKA_SSL_PORT, which is not a setting.
#pragma once

#include <string_view>

namespace ledgerline::cli {

// Whether name is X_SERVICE_HOST, X_SERVICE_PORT, X_SERVICE_PORT_<NAME>, X_PORT or X_PORT_<N>_<TCP|UDP|SCTP>, the last
// possibly with _PROTO, _PORT or _ADDR. No setting of Ledgerline has such a name.
bool is_service_variable(std::string_view name);

}  // namespace ledgerline::cli
