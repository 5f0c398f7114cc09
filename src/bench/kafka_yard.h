// Apache Kafka for whatever suites ask for it: clusters are started and warmed up when the first
// one needs them, kept for the others, and gone with the object.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "bench/real_kafka.h"

namespace ds {

struct KafkaPlace {
  std::vector<Address> brokers;
  std::string folder;                // for files; of its own
  std::string tools_missing;         // why Kafka's own tools cannot run; empty: they can
  std::uint64_t warmed_up_with = 0;  // records
  int nodes = 1;
};

struct KafkaYardSettings {
  std::string script;
  std::string folder;
  std::vector<Address> brokers;  // somebody's cluster, taken for all sizes
  Nanos duration = 2 * kSecond;  // of the runs; the warm-up follows it
};

/// Threads: one. Lifetime: borrows clock and log.
class KafkaYard {
 public:
  KafkaYard(KafkaYardSettings settings, const Clock& clock, Log& log)
      : settings_(std::move(settings)), clock_(clock), log_(log) {}

  /// Why there is no Kafka here; empty when there is.
  const std::string& why_not();
  /// A cluster of so many nodes, warm. To be asked when why_not() is empty.
  Result<const KafkaPlace*> cluster(int nodes);
  /// Ends a cluster that nobody needs any more: it would take memory and processor time.
  void let_go(int nodes) { places_.erase(nodes); }

  /// A topic that keeps little, so that the disk is not filled at a gigabyte a second.
  static std::map<std::string, std::string> brief_topic();

 private:
  struct Place {
    std::unique_ptr<RealKafka> own;
    KafkaPlace place;
  };
  Status warm_up(KafkaPlace& place);

  const KafkaYardSettings settings_;
  const Clock& clock_;
  Log& log_;
  std::map<int, Place> places_;
  std::string why_not_;
  std::string tools_missing_;
  bool asked_ = false;
};

}  // namespace ds
