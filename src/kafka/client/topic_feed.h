// Small records from many hands into one topic: they are gathered into record batches, sent with an
// idempotent producer, and each hears when the broker has it.
//
//   TopicFeed feed(settings, [&](std::span<const TopicFeed::Told> outcomes) { … }, clock, log);
//   feed.add(ticket, value, producer);        // as often as it takes
//   feed.send();                              // hands over what was added
//
// Batches are as large as what came while two earlier ones of the same partition were under way:
// alone a record leaves at once, in a crowd they travel together.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/client/admin.h"
#include "kafka/client/outlet.h"

namespace ds::kafka {

/// Threads:  add() and send() by one thread (a lane); away() by any. A thread of its own sends, and
///           calls `done`, which must not block.
/// Lifetime: the destructor tries to send what is left for a second, tells the rest as not stored.
class TopicFeed {
 public:
  struct Settings {
    ClientSettings client;
    TopicSpec topic;  // created when it is missing
    /// A record that the broker has not taken by then is told as not stored.
    Nanos give_up = 8 * kSecond;
    std::size_t buffer_memory = 32u << 20;
    /// A producer's number is its records' key, in digits, and murmur2 of it their partition.
    bool keyed = false;
  };
  struct Told {
    std::uint64_t ticket;
    std::uint32_t records;
    bool stored;
  };
  using Done = std::function<void(std::span<const Told>)>;

  TopicFeed(Settings settings, Done done, const Clock& clock, Log& log);
  ~TopicFeed();
  TopicFeed(const TopicFeed&) = delete;
  TopicFeed& operator=(const TopicFeed&) = delete;

  /// A producer's records keep to one partition (its number modulo theirs, or by key) and their
  /// order; those
  /// of no producer (-1) go wherever there is little to do.
  void add(std::uint64_t ticket, ByteView value, std::int64_t producer);
  bool has_added() const { return !added_.items.empty(); }
  void send();

  /// The broker has not taken anything for a second, though something waits; or it was never
  /// reached.
  bool away() const;

  static constexpr std::size_t kRecordBytesMax = (1u << 20) - 1024;

 private:
  struct Item {
    std::uint64_t ticket;
    std::int64_t producer;
    std::size_t bytes;
  };
  struct Parcel {
    ByteVec bytes;
    std::vector<Item> items;
  };
  class Sender;

  void run(std::stop_token stop);
  void send_until(std::stop_token stop, Sender& sender, Outlet& outlet);
  void refuse_what_came();

  const Settings settings_;
  const Done done_;
  const Clock& clock_;
  Log& log_;
  Parcel added_;  // of the caller's thread
  std::mutex mutex_;
  std::condition_variable_any arrived_;  // while there is no outlet to wake
  Parcel handed_over_;
  bool busy_ = false;                    // an answer will wake the thread
  Outlet* outlet_ = nullptr;             // to wake
  std::atomic<Nanos> waiting_since_{1};  // 0: all is well; else since when nothing has moved
  std::jthread thread_;                  // last: starts after, joins before, what it uses
};

}  // namespace ds::kafka
