// Writes and reads through librdkafka for as long as its input is open, then counts: the
// independent witness of kill_test.py. Nothing of DataStorm is in it.
//
//   rdkafka_load BROKERS SEED TOPIC... < pipe
//
// Four idempotent producers send records of 16 B to 64 KiB to 4 partitions of each topic; a record
// says who sent it and as the how-manieth of that producer there. Two groups of two members read
// and commit all the while, and a bystander asks for watermarks and committed offsets. When the
// input ends, all that was sent must be acknowledged; then the log is read once more from its
// start. One line of JSON tells what was counted.
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
constexpr int kProducers = 4, kPartitions = 4, kGroups = 2, kMembers = 2;
constexpr std::size_t kHead = 16, kLargest = 64 << 10;
constexpr auto kPause = 3500us;  // of each producer between records

struct Head {
  std::uint32_t producer;
  std::uint16_t topic, partition;
  std::uint64_t number;
};
static_assert(sizeof(Head) == kHead);

std::uint8_t filler(const Head& head, std::size_t i) {
  return static_cast<std::uint8_t>(head.number * 31 + i * 7 + head.producer);
}

/// Who wrote what lies at an offset: 0 nobody known, else producer and number.
using Name = std::uint64_t;
Name name_of(const Head& head) {
  return (static_cast<Name>(head.producer + 1) << 48) | (head.number + 1);
}

std::string brokers;
std::vector<std::string> topics;
std::atomic<bool> producing = true, reading = true;

/// What is known of one partition from everybody's telling.
struct Place {
  std::mutex mutex;
  std::vector<Name> by_offset;
  std::vector<std::uint8_t> seen_by;  // bit per group, 4 the last reading, 8 acknowledged
  std::int64_t high = 0;              // the highest watermark that anybody was told
  std::int64_t commit_sure[kGroups] = {-1, -1};
};
std::map<std::pair<int, int>, Place> places;
std::atomic<std::int64_t> reused = 0, phantom = 0, failed = 0, acknowledged = 0, commits = 0,
                          commits_back = 0, high_back = 0, redelivered = 0, probes = 0;
std::vector<std::vector<std::vector<std::uint64_t>>> sent;  // producer, topic, partition

void tell(int topic, int partition, std::int64_t offset, Name name, std::uint8_t who) {
  Place& place = places[{topic, partition}];
  const std::lock_guard lock(place.mutex);
  const auto at = static_cast<std::size_t>(offset);
  if (place.by_offset.size() <= at) {
    place.by_offset.resize(at + 1);
    place.seen_by.resize(at + 1);
  }
  if (place.by_offset[at] != 0 && place.by_offset[at] != name) {
    ++reused;
    std::fprintf(stderr, "%s-%d: offset %ld is two records\n", topics[topic].c_str(), partition,
                 long(offset));
  }
  if (place.seen_by[at] & who & 3) ++redelivered;
  place.by_offset[at] = name;
  place.seen_by[at] |= who;
  if (who == 8) place.high = std::max(place.high, offset + 1);
}

void judge(const rd_kafka_message_t& message, std::uint8_t who) {
  Head head;
  bool sound = message.len >= kHead;
  if (sound) {
    std::memcpy(&head, message.payload, kHead);
    const auto* bytes = static_cast<const std::uint8_t*>(message.payload);
    for (std::size_t i = kHead; sound && i < message.len; ++i) sound = bytes[i] == filler(head, i);
    sound = sound && head.producer < kProducers && head.topic < topics.size() &&
            topics[head.topic] == rd_kafka_topic_name(message.rkt) &&
            head.partition == message.partition;
  }
  if (!sound) {
    ++phantom;
    return;
  }
  tell(head.topic, head.partition, message.offset, name_of(head), who);
}

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char why[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(2);
  }
}

rd_kafka_conf_t* common() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "reconnect.backoff.ms", "20");
  set(conf, "reconnect.backoff.max.ms", "100");
  set(conf, "socket.timeout.ms", "5000");
  set(conf, "topic.metadata.refresh.interval.ms", "2000");
  set(conf, "log_level", "2");
  return conf;
}

rd_kafka_t* made(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[256];
  rd_kafka_t* kafka = rd_kafka_new(type, conf, why, sizeof why);
  if (!kafka) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(2);
  }
  return kafka;
}

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err) {
    if (++failed <= 5) std::fprintf(stderr, "not sent: %s\n", rd_kafka_err2str(message->err));
    return;
  }
  ++acknowledged;
  Head head;
  std::memcpy(&head, message->payload, kHead);
  tell(head.topic, head.partition, message->offset, name_of(head), 8);
}

void produce(int me, unsigned seed) {
  rd_kafka_conf_t* conf = common();
  set(conf, "enable.idempotence", "true");
  set(conf, "message.timeout.ms", "0");
  set(conf, "retry.backoff.ms", "20");
  set(conf, "linger.ms", me % 2 ? "0" : "10");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t* kafka = made(RD_KAFKA_PRODUCER, conf);
  std::mt19937_64 random(seed + static_cast<unsigned>(me));
  std::vector<std::uint8_t> value;
  auto next = std::chrono::steady_clock::now();
  while (producing) {
    const auto topic = random() % topics.size();
    const auto partition = random() % kPartitions;
    const Head head{static_cast<std::uint32_t>(me), static_cast<std::uint16_t>(topic),
                    static_cast<std::uint16_t>(partition), sent[me][topic][partition]++};
    const double doublings = double(random() % 12'001) / 1000;  // 16 B to 64 KiB, as many of each
    value.resize(std::min(kLargest, static_cast<std::size_t>(kHead * std::exp2(doublings))));
    std::memcpy(value.data(), &head, kHead);
    for (std::size_t i = kHead; i < value.size(); ++i) value[i] = filler(head, i);
    while (rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topics[topic].c_str()),
                             RD_KAFKA_V_PARTITION(static_cast<int>(partition)),
                             RD_KAFKA_V_VALUE(value.data(), value.size()),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) != 0)
      rd_kafka_poll(kafka, 20);
    rd_kafka_poll(kafka, 0);
    std::this_thread::sleep_until(next += kPause);
    next = std::max(next, std::chrono::steady_clock::now() - 50ms);
  }
  rd_kafka_flush(kafka, 60'000);
  failed += rd_kafka_outq_len(kafka);
  rd_kafka_destroy(kafka);
}

int topic_number(const char* name) {
  return static_cast<int>(std::find(topics.begin(), topics.end(), name) - topics.begin());
}

void committed(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* offsets,
               void* opaque) {
  if (error || !offsets) return;
  const auto group = static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(opaque));
  for (int i = 0; i < offsets->cnt; ++i) {
    const auto& each = offsets->elems[i];
    if (each.err || each.offset < 0) continue;
    Place& place = places[{topic_number(each.topic), each.partition}];
    const std::lock_guard lock(place.mutex);
    place.commit_sure[group] = std::max(place.commit_sure[group], each.offset);
    ++commits;
  }
}

void consume(std::size_t group) {
  rd_kafka_conf_t* conf = common();
  set(conf, "group.id", "group-" + std::to_string(group));
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.auto.offset.store", "true");
  set(conf, "session.timeout.ms", "6000");
  set(conf, "heartbeat.interval.ms", "300");
  set(conf, "fetch.wait.max.ms", "50");
  set(conf, "fetch.error.backoff.ms", "20");
  rd_kafka_conf_set_offset_commit_cb(conf, committed);
  rd_kafka_conf_set_opaque(conf, reinterpret_cast<void*>(group));
  rd_kafka_t* kafka = made(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(kafka);
  rd_kafka_topic_partition_list_t* wanted = rd_kafka_topic_partition_list_new(4);
  for (const auto& topic : topics) rd_kafka_topic_partition_list_add(wanted, topic.c_str(), -1);
  rd_kafka_subscribe(kafka, wanted);
  rd_kafka_topic_partition_list_destroy(wanted);
  auto commit_at = std::chrono::steady_clock::now();
  while (reading) {
    if (rd_kafka_message_t* message = rd_kafka_consumer_poll(kafka, 50)) {
      if (!message->err) judge(*message, static_cast<std::uint8_t>(1u << group));
      rd_kafka_message_destroy(message);
    }
    if (std::chrono::steady_clock::now() < commit_at) continue;
    rd_kafka_commit(kafka, nullptr, 1);
    commit_at = std::chrono::steady_clock::now() + 100ms;
  }
  rd_kafka_consumer_close(kafka);
  rd_kafka_destroy(kafka);
}

/// Asks for what must never go back, having noted before what it was.
void probe() {
  rd_kafka_t* kafka[kGroups];
  for (int group = 0; group < kGroups; ++group) {
    rd_kafka_conf_t* conf = common();
    set(conf, "group.id", "group-" + std::to_string(group));
    kafka[group] = made(RD_KAFKA_CONSUMER, conf);
  }
  while (reading) {
    for (auto& [which, place] : places) {
      const char* topic = topics[which.first].c_str();
      std::int64_t before, low, high;
      {
        const std::lock_guard lock(place.mutex);
        before = place.high;
      }
      if (rd_kafka_query_watermark_offsets(kafka[0], topic, which.second, &low, &high, 1000))
        continue;
      ++probes;
      if (high < before) {
        ++high_back;
        std::fprintf(stderr, "%s-%d: high watermark %ld after %ld\n", topic, which.second,
                     long(high), long(before));
      }
      const std::lock_guard lock(place.mutex);
      place.high = std::max(place.high, high);
    }
    for (int group = 0; group < kGroups; ++group) {
      std::map<std::pair<int, int>, std::int64_t> before;
      rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(12);
      for (auto& [which, place] : places) {
        const std::lock_guard lock(place.mutex);
        before[which] = place.commit_sure[group];
        rd_kafka_topic_partition_list_add(list, topics[which.first].c_str(), which.second);
      }
      if (!rd_kafka_committed(kafka[group], list, 2000))
        for (int i = 0; i < list->cnt; ++i) {
          const auto& each = list->elems[i];
          const auto sure = before[{topic_number(each.topic), each.partition}];
          if (each.err || sure < 0 || each.offset >= sure) continue;
          ++commits_back;
          std::fprintf(stderr, "%s-%d: committed %ld after %ld\n", each.topic, each.partition,
                       long(each.offset), long(sure));
        }
      rd_kafka_topic_partition_list_destroy(list);
    }
    std::this_thread::sleep_for(20ms);
  }
  for (auto* each : kafka) rd_kafka_destroy(each);
}

/// From its start to its end, by a consumer that belongs to no group. Returns the end offset.
std::int64_t read_once_more(rd_kafka_t* kafka, int topic, int partition) {
  std::int64_t low = 0, high = 0;
  for (int tries = 0;
       rd_kafka_query_watermark_offsets(kafka, topics[topic].c_str(), partition, &low, &high, 5000);
       ++tries)
    if (tries == 5) return -1;
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topics[topic].c_str(), partition)->offset = low;
  rd_kafka_assign(kafka, list);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  for (std::int64_t at = low; at < high && std::chrono::steady_clock::now() < deadline;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(kafka, 500);
    if (!message) continue;
    if (!message->err) {
      at = message->offset + 1;
      judge(*message, 4);
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_assign(kafka, nullptr);
  rd_kafka_topic_partition_list_destroy(list);
  Place& place = places[{topic, partition}];
  for (std::int64_t at = low; at < high; ++at)  // what groups saw and the log has no more
    if (static_cast<std::size_t>(at) < place.seen_by.size() &&
        !(place.seen_by[static_cast<std::size_t>(at)] & 4))
      place.by_offset[static_cast<std::size_t>(at)] = 0;
  return high;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  brokers = argv[1];
  const auto seed = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  for (int i = 3; i < argc; ++i) topics.emplace_back(argv[i]);
  for (int t = 0; t < static_cast<int>(topics.size()); ++t)
    for (int p = 0; p < kPartitions; ++p) places[{t, p}].high = 0;
  sent.assign(kProducers, std::vector(topics.size(), std::vector<std::uint64_t>(kPartitions, 0)));

  std::vector<std::thread> producers, readers;
  for (int i = 0; i < kProducers; ++i) producers.emplace_back(produce, i, seed);
  for (std::size_t i = 0; i < kGroups * kMembers; ++i) readers.emplace_back(consume, i % kGroups);
  readers.emplace_back(probe);
  for (char ignored; read(0, &ignored, 1) > 0;) continue;
  producing = false;
  for (auto& each : producers) each.join();

  // The groups read on until they have seen everything, or nothing new for a while.
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  for (bool all = false; !all && std::chrono::steady_clock::now() < deadline;) {
    std::this_thread::sleep_for(200ms);
    all = true;
    for (auto& [which, place] : places) {
      const std::lock_guard lock(place.mutex);
      for (const auto seen : place.seen_by) all = all && (seen & 3) == 3;
    }
  }
  reading = false;
  for (auto& each : readers) each.join();

  rd_kafka_conf_t* conf = common();
  set(conf, "group.id", "witness");
  rd_kafka_t* witness = made(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(witness);
  std::int64_t records = 0, lost = 0, doubled = 0, reordered = 0, unread = 0;
  for (auto& [which, place] : places) {
    const std::int64_t high = read_once_more(witness, which.first, which.second);
    std::vector<std::uint64_t> expected(kProducers, 0);
    std::vector<std::vector<bool>> found(kProducers);
    for (std::size_t p = 0; p < kProducers; ++p)
      found[p].resize(sent[p][which.first][which.second]);
    lost += std::max<std::int64_t>(0, static_cast<std::int64_t>(place.by_offset.size()) - high);
    for (std::size_t at = 0; at < place.by_offset.size(); ++at) {
      const Name name = place.by_offset[at];
      if ((place.seen_by[at] & 3) != 3) ++unread;
      if (name == 0) continue;
      ++records;
      const auto producer = static_cast<std::size_t>((name >> 48) - 1);
      const std::uint64_t number = (name & 0xffff'ffff'ffff) - 1;
      if (number >= found[producer].size() || !(place.seen_by[at] & 8)) ++phantom;
      if (number >= found[producer].size()) continue;
      if (found[producer][number]) {
        ++doubled;
      } else if (number < expected[producer]) {
        ++reordered;
      }
      found[producer][number] = true;
      expected[producer] = std::max(expected[producer], number + 1);
    }
    for (const auto& each : found) lost += std::count(each.begin(), each.end(), false);
  }
  rd_kafka_consumer_close(witness);
  rd_kafka_destroy(witness);
  std::printf(
      "{\"acknowledged\": %ld, \"records\": %ld, \"commits\": %ld, \"probes\": %ld, "
      "\"redelivered\": %ld, "
      "\"lost\": %ld, \"phantom\": %ld, \"reordered\": %ld, \"doubled\": %ld, \"offsets_reused\": "
      "%ld, "
      "\"not_sent\": %ld, \"unread_by_a_group\": %ld, \"commits_back\": %ld, \"watermark_back\": "
      "%ld}\n",
      long(acknowledged), long(records), long(commits), long(probes), long(redelivered), long(lost),
      long(phantom), long(reordered), long(doubled), long(reused), long(failed), long(unread),
      long(commits_back), long(high_back));
  return 0;
}
