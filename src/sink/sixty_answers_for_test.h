// B9: sixty answers of a server, drawn from every kind; what is stored at the end is exactly what
// was sent and may be stored, what is refused is exactly what is bad.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/retry_wait.h"
#include "base/seed_for_test.h"
#include "ledger/tweets_for_test.h"
#include "sink/letters_for_test.h"
#include "sink/scripted_server.h"
#include "sink/waits_for_test.h"

namespace ds {

class SixtyAnswers {
 public:
  /// Each kind once at least, in a drawn order.
  template <typename Row>
  std::vector<Row> draw(const std::vector<Row>& kinds) {
    std::vector<Row> script = kinds;
    while (script.size() < kAnswers) script.push_back(kinds[random_.below(kinds.size())]);
    for (std::size_t i = script.size(); i > 1; --i)
      std::swap(script[i - 1], script[random_.below(i)]);
    return script;
  }

  /// Sends records until the server has given its answers: one in a hundred has `bad_text`, which
  /// it refuses. `held` says how many it holds.
  template <typename Held>
  void play(Sink& sink, const ScriptedServer& server, std::string_view text,
            std::string_view bad_text, Held&& held) {
    sink.be_patient_with(waits_);
    std::uint64_t stored = 0;
    while (server.rows_played() < kAnswers && sent_ < 100'000) {
      std::vector<ByteVec> values;
      const auto first = static_cast<std::int64_t>(sent_);
      for (int i = 0; i < 200; ++i, ++sent_) {
        const bool refuse = random_.below(100) == 0;
        if (refuse) bad_.insert(static_cast<std::int64_t>(sent_));
        values.push_back(test_tweet(0, sent_, "SuperCoffee", refuse ? bad_text : text));
      }
      const auto done = sink.store(std::vector{fetched(0, first, test_batch(first, values))});
      ASSERT_TRUE(done.ok()) << done.error().message;
      stored += done->stored;
      ASSERT_EQ(held(), stored) << "said to be stored before it is";
    }
    EXPECT_EQ(server.rows_played(), kAnswers);
    EXPECT_EQ(stored, sent_ - bad_.size());
  }

  /// `longest`: that it may wait.
  void judge(std::string_view store, const ScriptedServer& server, Nanos longest) const {
    std::set<std::int64_t> refused;
    for (const DeadLetter& letter : letters_.all()) refused.insert(letter.offset);
    EXPECT_EQ(refused, bad_);
    EXPECT_EQ(letters_.all().size(), bad_.size());
    const std::set<Nanos> different(waits_.times.begin(), waits_.times.end());
    ASSERT_GT(waits_.times.size(), 20u);
    EXPECT_GE(*different.begin(), kRetryFloor) << "a busy loop";
    EXPECT_LE(*different.rbegin(), longest);
    EXPECT_EQ(different.size(), waits_.times.size()) << "jitter";
    fmt::print("B9 {}: seed {}, 60 answers, {} records, {} refused, {} waits, {} requests\n", store,
               seed_, sent_, bad_.size(), waits_.times.size(), server.requests());
  }

  LettersForTest& letters() { return letters_; }
  std::uint64_t sent() const { return sent_; }
  /// Offsets of the records that may not be stored.
  const std::set<std::int64_t>& bad() const { return bad_; }

 private:
  static constexpr std::size_t kAnswers = 60;

  const std::uint64_t seed_ = seed_for_test(0xb9);
  Random random_{seed_};
  LettersForTest letters_;
  Waits waits_;
  std::uint64_t sent_ = 0;
  std::set<std::int64_t> bad_;
};

}  // namespace ds
