// A store whose writer is killed, as `kill -9` kills, at any moment.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/random.h"
#include "ledger/tweets_for_test.h"
#include "sink/sqlite_reader.h"
#include "sink/sqlite_sink.h"

namespace ds {
namespace {

constexpr std::int64_t kRecords = 200'000;
constexpr std::int64_t kBatch = 500;

std::vector<ByteVec> make_log() {
  std::vector<ByteVec> log;
  for (std::int64_t at = 0; at < kRecords; at += kBatch)
    log.push_back(
        test_batch(at, 0, static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(at + kBatch)));
  return log;
}

/// A life: goes on where the store says. Before each transaction it takes a byte from `allowed` and
/// writes one to `told`.
[[noreturn]] void consume(const std::string& path, const std::vector<ByteVec>& log, StoreAs as,
                          int allowed, int told) {
  char byte;
  SystemClock clock;
  NoLog no_log;
  auto sink = SqliteSink::open(path, {.store = as, .keep = {.rows = 20'000}}, clock, no_log);
  if (!sink) _exit(1);
  const auto offsets = (*sink)->next_offsets({"cluster"});
  if (!offsets) _exit(1);
  const auto start = offsets->find({"tweets", 0});
  for (std::int64_t at = start == offsets->end() ? 0 : start->second; at < kRecords; at += kBatch) {
    if (read(allowed, &byte, 1) != 1 || write(told, "", 1) != 1) _exit(1);
    const std::vector batches{fetched(0, at, log[static_cast<std::size_t>(at / kBatch)])};
    if (!(*sink)->store(batches)) _exit(1);
  }
  _exit(0);
}

/// Allows so many transactions and kills it when the last has begun; its exit status, or nothing
/// when it was killed.
std::optional<int> live_and_die(const std::string& path, const std::vector<ByteVec>& log,
                                StoreAs as, std::size_t transactions) {
  int allow[2], tell[2];
  check(pipe(allow) == 0 && pipe(tell) == 0, "pipes");
  const pid_t child = fork();
  if (child == 0) {
    close(allow[1]);
    close(tell[0]);
    consume(path, log, as, allow[0], tell[1]);
  }
  close(allow[0]);
  close(tell[1]);
  const std::string bytes(transactions, 'x');
  check(write(allow[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
        "a pipe takes a few hundred bytes");
  char byte;
  for (std::size_t begun = 0; begun < transactions && read(tell[0], &byte, 1) == 1;) ++begun;
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  close(allow[1]);
  close(tell[0]);
  return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
}

TEST(SqliteSink, KilledThirtyTimesItHoldsEveryRecordOnce) {
  const std::vector<ByteVec> log = make_log();
  for (const StoreAs as : {StoreAs::kRaw, StoreAs::kRollup}) {
    std::string name = (std::filesystem::temp_directory_path() / "kill-XXXXXX").string();
    const std::filesystem::path folder = mkdtemp(name.data());
    const std::string path = (folder / "store.db").string();
    Random random(static_cast<std::uint64_t>(as));
    for (int life = 0; life < 30; ++life) {
      const auto status = live_and_die(path, log, as, 1 + random.below(12));
      ASSERT_FALSE(status.has_value()) << "it ended by itself with " << *status;
    }
    ASSERT_EQ(live_and_die(path, log, as, 1000), 0);

    ClaimedRun claimed;
    claimed.run.run = kTestRun;
    claimed.streams[0].partition = 0;
    claimed.streams[0].acknowledged.add(0, kRecords);
    auto reader = SqliteReader::open(path);
    const auto verdict = verify_store(*reader, claimed);
    ASSERT_TRUE(verdict.ok());
    EXPECT_TRUE(verdict->good());
    EXPECT_EQ(verdict->found, static_cast<std::uint64_t>(kRecords));
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace ds
