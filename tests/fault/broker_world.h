// The broker's stores on a simulated disk, beside a model of what they have promised.
//
//   World world(settings, seed, judge);
//   while (…) world.step();           // appends, syncs, commits, drops, creates, deletes
//   world.restart(disk, boot);        // a later life, on what a crash has left
//
// The model knows each batch that was ever handed over, byte for byte, and from where to where they
// were acknowledged. verify() recovers a copy of the disk and holds what it serves to the model. It
// reads headers by position, never through the log's own code.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "kafka/broker/core.h"
#include "net/sim/disk.h"
#include "promise.h"

namespace ds::fault {

/// What was wrong, counted; the words of the first few.
struct Findings {
  std::int64_t lost = 0, phantom = 0, reused = 0, refused = 0, commits_back = 0, ids_twice = 0,
               watermark_back = 0, duplicates = 0;
  std::int64_t records_read = 0;
  std::vector<std::string> words;
  void say(std::int64_t& count, std::string what) {
    ++count;
    if (words.size() < 20) words.push_back(std::move(what));
  }
  /// Each count is one that `check` wants to be 0.
  void must_be_none(Promise& check) const;
};

/// Keeps the last line that the operator would have read.
class LastWords final : public Log {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    last_ = line;
  }
  std::string last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  std::mutex mutex_;
  std::string last_;
};

struct WorldSettings {
  bool sync = true;      // durability sync: acknowledged is what was synced; else what was written
  bool recycle = false;  // durability cache
  bool compacts = false;
};

struct PartitionModel {
  struct Batch {
    std::int64_t base, next;
    ByteVec bytes;
  };
  std::vector<Batch> batches;  // by offset
  std::vector<Batch> failed;   // handed over, answered with an error: may be there, or not
  std::vector<Batch> former;   // lost in an earlier life; may come up where nothing is promised
  std::int64_t written = 0;    // append() has returned
  std::int64_t acked = 0;      // acknowledged in this durability
  std::int64_t start = 0;      // dropped below it, or being dropped
  std::int32_t sequence = 0;   // of its idempotent producer
  bool fenced = false;         // a sync has failed
  std::int64_t next = 0;       // offset of what comes next
  std::int64_t end() const { return next; }
};

struct TopicModel {
  enum class State { kComing, kThere, kGoing } state = State::kComing;
  std::vector<PartitionModel> partitions;
  std::size_t growing_to = 0;
};

/// Threads: one.
class World {
 public:
  World(const WorldSettings& settings, std::uint64_t seed, Findings& findings);
  ~World();

  enum class Op {
    kAppend,
    kSync,
    kCommit,
    kDrop,
    kDrawId,
    kCreate,
    kRemove,
    kGrow,
    kCompact,
    kRecover,  // open_once(), verify() and restart(): never drawn
  };
  /// One thing that a broker does, drawn at random.
  void step();
  void perform(Op op);
  Op now() const { return now_; }
  SimDisk& disk() { return *disk_; }
  std::int64_t failures() const { return failures_; }

  /// Recovers `disk` and judges it by the model; `power`: only what was synced is promised.
  void verify(std::unique_ptr<SimDisk> disk, bool power);
  /// A start that may fail, as where the disk does: nothing is expected of it, but for what it
  /// leaves behind.
  void open_once(SimDisk& disk, bool power);
  /// Goes on with what `disk` holds; what the recovery did not find is no longer expected.
  void restart(std::unique_ptr<SimDisk> disk, bool power);

 private:
  struct Life;  // a Core over a disk
  std::unique_ptr<Life> open(SimDisk& disk, std::uint8_t boot);
  void judge(Life& life, bool power);
  void judge_partition(kafka::broker::Partition& partition, PartitionModel& model,
                       std::int64_t promised, bool dependable, const std::string& name);
  void judge_duplicates(kafka::broker::Partition& partition, const PartitionModel::Batch& last,
                        const std::string& name);
  void adopt(bool promised);

  void append();
  void sync();
  void commit();
  void drop();
  void create();
  void remove();
  void grow();
  void draw_id();
  void compact();
  std::pair<std::string, std::size_t> any_partition();
  ByteVec make_batch(const std::string& name, std::size_t index, const PartitionModel& model);

  WorldSettings settings_;
  Random random_;
  Findings& findings_;
  LastWords told_;
  SystemClock clock_;
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<Life> life_;
  std::uint8_t boot_ = 1;
  Op now_ = Op::kRecover;
  std::int64_t failures_ = 0;  // operations that answered with an error

  std::map<std::string, TopicModel> topics_;
  int topics_made_ = 0;
  std::uint8_t topic_ids_ = 0;
  std::map<kafka::broker::PartitionName, std::pair<std::int64_t, std::int64_t>>
      commits_;  // sure, tried
  std::int64_t last_id_ = -1;
  std::set<std::string>
      doubtful_;  // topics whose creation, change or removal answered with an error
};

}  // namespace ds::fault
