#include "kafka/client/rdkafka/rdkafka_settings.h"

#include <algorithm>

#include "kafka/client/sasl.h"

namespace ds::kafka {
namespace {

std::string text(auto number) {
  return fmt::format("{}", number);
}

std::string ms(Nanos time) {
  return text(std::max<Nanos>(time / kMillisecond, 1));
}

std::string security_protocol(const Security& security) {
  return fmt::format("{}{}", security.sasl == SaslMechanism::kNone ? "" : "sasl_",
                     security.tls ? "ssl" : "plaintext");
}

/// How to reach the cluster.
std::map<std::string, std::string> properties_of(const ClientSettings& client) {
  std::map<std::string, std::string> all;
  std::string servers;
  for (const Address& each : client.brokers)
    servers += (servers.empty() ? "" : ",") + each.to_string();
  all["bootstrap.servers"] = servers;
  all["client.id"] = client.client_id;
  all["socket.nagle.disable"] = "true";
  all["socket.connection.setup.timeout.ms"] = ms(std::max(client.connect_timeout, kSecond));
  all["request.timeout.ms"] = ms(client.request_timeout);

  const Security& security = client.security;
  all["security.protocol"] = security_protocol(security);
  if (!security.ca_file.empty()) all["ssl.ca.location"] = security.ca_file;
  if (!security.certificate_file.empty())
    all["ssl.certificate.location"] = security.certificate_file;
  if (!security.key_file.empty()) all["ssl.key.location"] = security.key_file;
  if (security.tls && !security.verify_host) all["ssl.endpoint.identification.algorithm"] = "none";
  if (security.sasl != SaslMechanism::kNone && security.sasl != SaslMechanism::kOther) {
    all["sasl.mechanism"] = to_string(security.sasl);
    all["sasl.username"] = security.user;
    all["sasl.password"] = security.password;
  }
  return all;
}

}  // namespace

std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ProducerSettings& producer) {
  auto all = properties_of(client);
  all["acks"] = text(static_cast<int>(producer.acks));
  all["enable.idempotence"] =
      producer.idempotent || !producer.transactional_id.empty() ? "true" : "false";
  if (!producer.transactional_id.empty()) {
    all["transactional.id"] = producer.transactional_id;
    // It refuses messages that may wait longer than their transaction.
    all["transaction.timeout.ms"] = ms(std::max(producer.delivery_timeout, 60 * kSecond));
  }
  all["compression.codec"] = producer.compression;
  if (producer.compression_level >= 0) all["compression.level"] = text(producer.compression_level);
  // Measured: 128 KiB batches and a linger of 5 ms are where it is fastest; its default of 10,000
  // messages would cut batches of small records first.
  all["batch.size"] = text(std::min<std::size_t>(producer.batch_bytes_max, 131'072));
  all["batch.num.messages"] = "100000";
  all["linger.ms"] = ms(std::max(producer.linger, 5 * kMillisecond));
  all["queue.buffering.max.messages"] = "2000000";
  all["queue.buffering.max.kbytes"] =
      text(std::max<std::size_t>(producer.buffer_memory / 512, 1024));
  all["message.max.bytes"] = text(std::max<std::size_t>(producer.batch_bytes_max, 1'000'000));
  all["max.in.flight.requests.per.connection"] = text(producer.in_flight_max);
  all["message.timeout.ms"] = ms(producer.delivery_timeout);
  all["retry.backoff.ms"] = ms(producer.retry_backoff);

  for (const auto& [name, value] : client.properties) all[name] = value;
  return all;
}

std::map<std::string, std::string> rdkafka_properties(const ClientSettings& client,
                                                      const ConsumerSettings& consumer) {
  auto all = properties_of(client);
  all.erase("request.timeout.ms");  // a producer's
  all["group.id"] = consumer.group;
  if (!consumer.instance.empty()) all["group.instance.id"] = consumer.instance;
  std::string& assignors = all["partition.assignment.strategy"];
  for (const std::string& each : consumer.assignors) {
    if (each == "sticky") continue;  // it has none
    assignors += (assignors.empty() ? "" : ",") + each;
  }
  if (assignors.empty()) assignors = "cooperative-sticky";
  all["session.timeout.ms"] = ms(consumer.session_timeout);
  all["heartbeat.interval.ms"] = ms(consumer.heartbeat_interval);
  all["max.poll.interval.ms"] = ms(std::max(consumer.rebalance_timeout, consumer.session_timeout));
  all["enable.auto.commit"] = "false";
  all["enable.auto.offset.store"] = "false";
  all["auto.offset.reset"] = "earliest";
  all["enable.partition.eof"] = "true";
  all["fetch.wait.max.ms"] = ms(consumer.fetch_wait);
  all["fetch.max.bytes"] = text(consumer.fetch_bytes_max);
  all["max.partition.fetch.bytes"] = text(consumer.partition_bytes_max);
  all["queued.max.messages.kbytes"] =
      text(std::max<std::size_t>(consumer.buffer_memory / 2048, 1024));
  all["check.crcs"] = "true";
  all["isolation.level"] = consumer.read_committed ? "read_committed" : "read_uncommitted";
  for (const auto& [name, value] : client.properties) all[name] = value;
  return all;
}

Result<rd_kafka_conf_t*> rdkafka_conf(const std::map<std::string, std::string>& properties) {
  char reason[512] = "";
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) ==
        RD_KAFKA_CONF_OK)
      continue;
    rd_kafka_conf_destroy(conf);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("librdkafka refuses {}: {}", name, reason)};
  }
  // OAuth's tokens are made on a thread of librdkafka's: nobody polls while metadata is asked for.
  if (properties.contains("sasl.mechanism") && properties.at("sasl.mechanism") == "OAUTHBEARER")
    rd_kafka_conf_enable_sasl_queue(conf, 1);
  return conf;
}

void make_tokens_in_background(rd_kafka_t* rk) {
  if (rd_kafka_error_t* error = rd_kafka_sasl_background_callbacks_enable(rk))
    rd_kafka_error_destroy(error);  // this mechanism has no tokens
}

std::string scram_warning(int version, std::string_view version_text, SaslMechanism mechanism) {
  const bool scram =
      mechanism == SaslMechanism::kScramSha256 || mechanism == SaslMechanism::kScramSha512;
  constexpr int kFixed = 0x020601'00;
  if (!scram || version >= kFixed) return "";
  return fmt::format(
      "librdkafka {} cannot log in by {} to Apache Kafka 4.x (fixed in 2.6.1); "
      "--engine direct can",
      version_text, to_string(mechanism));
}

}  // namespace ds::kafka
