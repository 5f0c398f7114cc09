// What most commands begin with.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/console_log.h"
#include "kafka/broker/broker.h"
#include "kafka/client/client_settings.h"

namespace ds::cli {

/// The settings of whoever talks to Kafka.
inline constexpr std::string_view kKafkaSettings[] = {"brokers", "command-config", "property"};

/// Reads --brokers, --command-config and -X; what is wrong is told to `read`. A mechanism that only
/// librdkafka speaks is refused unless `engine` is that.
kafka::ClientSettings read_kafka(Reader& read, std::string_view engine = "direct");

/// Told to `read`: what is left in `client.properties` is for librdkafka alone.
void refuse_properties(Reader& read, const kafka::ClientSettings& client);

/// A topic's name as Kafka allows it.
std::string read_topic(Reader& read);
Status check_topic_name(std::string_view name);

inline constexpr std::int32_t kPartitionsMax = 10'000;  // of a topic that is created
inline constexpr std::int16_t kReplicationMax = 1000;

/// The settings of the embedded broker, but for its address.
inline constexpr std::string_view kBrokerSettings[] = {
    "durability",  "retention-bytes", "retention-time",
    "keep-unread", "repair",          "partitions",
    "group-lives", "idle-timeout",    "tls-certificate",
    "tls-key",     "tls-client-ca",   "users",
    "acl",         "advertise",       "allow-anonymous"};

kafka::broker::BrokerSettings read_broker(Reader& read, std::string_view listen,
                                          std::string data_dir);

LogLevel read_log_level(Reader& read);

/// --isolation.
bool reads_committed(Reader& read);

/// `count` random bits as a run's id, or the one that was asked for.
std::uint64_t read_run_id(Reader& read);

/// What a store, a folder or an address refused at the start was named wrongly: kUsage.
Error as_wrong_use(Error error);

/// Makes the data folder; says so in words (kUsage) when it cannot.
Status make_data_folder(const std::string& path);

/// HOST:PORT, :PORT, or a bare PORT as the old systems' variable has it.
Result<Address> parse_listen(std::string_view text);

/// All of them, each once.
std::vector<std::string_view> join_settings(
    std::initializer_list<std::span<const std::string_view>> parts);

}  // namespace ds::cli
