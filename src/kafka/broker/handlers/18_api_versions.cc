// ApiVersions: made from the one list that is the server.
#include "kafka/broker/handlers/handlers.h"

namespace ds::kafka::broker {

ApiVersionsResponse api_versions() {
  ApiVersionsResponse response;
  for (const Route& route : routes()) {
    const int min = route.key == ApiKey::kProduce ? 0 : route.versions.min;  // see routes()
    response.api_keys.push_back({static_cast<std::int16_t>(route.key),
                                 static_cast<std::int16_t>(min),
                                 static_cast<std::int16_t>(route.versions.max)});
  }
  return response;
}

ApiVersionsResponse handle_api_versions(Call&, ApiVersionsRequest&) {
  return api_versions();
}

}  // namespace ds::kafka::broker
