// How a sink reads what it is to store: decoded, checked by the rules below, with the place that
// names each record; what nobody can store goes to the tray of dead letters.
//
//   Walk<Lines> walk(lines, settings, seen);         // Lines has the three functions below
//   for (const auto& fetched : batches) walk.read(fetched, scratch, decoder);
//   if (auto sent = walk.tray().send(); !sent) …
//   walk.keep_seen();                                 // it is stored
//
//   struct Lines {                                    // both return why not, or nothing
//     std::string_view tweet(const Place&, const kafka::RecordView&, const TweetView&, Sentiment);
//     std::string_view reading(const Place&, const kafka::RecordView&, const Reading&);
//     void batch_done(const kafka::TopicPartition&, const kafka::BatchHeader&);
//     // Left out: what is neither a tweet nor a reading is a dead letter, and readings are
//     nobody's. std::string_view payload(const Place&, const kafka::RecordView&, const RecordId&);
//     std::string_view reading(const Place&, const kafka::RecordView&, const Reading&,
//                              const RecordId&);
//   };
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "ledger/read_tweets.h"
#include "sink/dead_letters.h"
#include "sink/sink_settings.h"
#include "sink/tally.h"

namespace ds {

/// Where a record is, or in a replay was. Lifetime: borrows the partition's name.
struct Place {
  const kafka::TopicPartition& from;
  std::int64_t offset;
};

constexpr std::size_t kStoredTextMax = 65'535;  // the least that any of the stores takes
constexpr std::size_t kStoredTagMax = 256;
/// Times are stored as nanoseconds in 64 bits, with the offset in their last six digits.
constexpr std::int64_t kStoredTimeMax = 9'223'372'036'853;

namespace detail {

// Whether all bytes are ASCII and none is NUL, by the shape that tweets have: sixteen at a time,
// the last sixteen from the end, and no branch that depends on a text's length, which would be
// guessed wrong for every other tweet.
using Sixteen = signed char __attribute__((vector_size(16)));

inline Sixteen sixteen_at(const char* from) {
  Sixteen bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes;
}
inline bool all(Sixteen marks) {
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), &marks, sizeof words);
  return (words[0] & words[1]) == ~std::uint64_t{0};
}
/// Of 16 to 16 * kLoads bytes.
template <std::size_t kLoads>
inline bool is_plain_within(std::string_view text) {
  const std::size_t last = text.size() - 16;
  Sixteen good = sixteen_at(text.data() + last) > 0;
  for (std::size_t i = 0; i + 1 < kLoads; ++i)
    good &= sixteen_at(text.data() + std::min(16 * i, last)) > 0;
  return all(good);
}
inline bool is_plain(std::string_view text) {
  if (text.size() < 16)
    return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) > 0; });
  if (text.size() <= 48) return is_plain_within<3>(text);
  for (; text.size() > 128; text.remove_prefix(112))
    if (!is_plain_within<8>(text.substr(0, 128))) return false;
  return is_plain_within<8>(text);
}
/// The same without control characters. False says nothing where there are others than ASCII's.
inline bool is_plain_tag(std::string_view text) {
  constexpr std::uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
  if (text.size() < 8 || text.size() > 16) return false;
  std::uint64_t bad = 0, word;
  for (const std::size_t at : {std::size_t{0}, text.size() - 8}) {
    std::memcpy(&word, text.data() + at, 8);
    bad |= word | (word - 0x20 * kOnes) | (word + kOnes);  // high, below a blank, or DEL
  }
  return (bad & kHigh) == 0;
}
inline bool is_sound_text(std::string_view text) {
  return is_plain(text) || (is_utf8(text) && text.find('\0') == std::string_view::npos);
}
inline bool is_sound_tag(std::string_view text) {
  if (is_plain_tag(text)) [[likely]]
    return text.back() != '\\';
  if (text.empty() || text.size() > kStoredTagMax || !is_sound_text(text)) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return text.back() != '\\';  // line protocol has no way to write that
}

}  // namespace detail

inline std::string_view unsound_time(std::int64_t timestamp_ms) {
  if (timestamp_ms > kStoredTimeMax || timestamp_ms < -kStoredTimeMax)
    return "its timestamp does not fit into 64 bits of nanoseconds";
  return {};
}

/// Why no store takes this tweet, the same for all of them; empty when they do.
inline std::string_view unsound(const TweetView& tweet) {
  if (const auto why = unsound_time(tweet.timestamp); !why.empty()) return why;
  if (!detail::is_sound_tag(tweet.brand))
    return "its brand is empty, too long, not UTF-8, has control characters or ends in a backslash";
  if (tweet.text.size() > kStoredTextMax) return "its text is longer than 64 KiB";
  if (!detail::is_sound_text(tweet.text)) return "its text is not UTF-8, or has a NUL";
  if (tweet.tweet_id.size() > kStoredTagMax || !detail::is_sound_text(tweet.tweet_id))
    return "its tweetId is too long, not UTF-8, or has a NUL";
  return {};
}
inline std::string_view unsound(const Reading& reading) {
  return unsound_time(reading.timestamp_producer);
}

/// Threads: one. Lifetime: of one store(); borrows all it is given.
template <typename To>
class Walk {
 public:
  /// Whether the store has a place for records that are neither tweets nor readings.
  static constexpr bool kTakesPayloads =
      requires(To& to, Place place, const kafka::RecordView& record, const RecordId& id) {
        to.payload(place, record, id);
      };

  Walk(To& to, const SinkSettings& settings, SeenLetters& seen)
      : to_(to),
        replay_(settings.replay),
        before_(settings.seen_before),
        seen_(seen),
        tray_(settings.dead_letters) {}

  /// `stored_below`: what lies before it is stored already, and only counted.
  void read(const kafka::Fetched& fetched, ByteVec& scratch, TweetDecoder& decoder,
            std::int64_t stored_below = std::numeric_limits<std::int64_t>::min()) {
    from_ = &fetched.from;
    stored_below_ = stored_below;
    read_tweets(fetched, scratch, decoder, *this);
  }

  LetterTray& tray() { return tray_; }
  Tally& tally() { return tally_; }
  void keep_seen() { seen_.add(std::move(fresh_)); }
  /// A record of `from` that the store itself has refused for good, after it was counted as stored.
  void take_back(const kafka::TopicPartition& from, const kafka::RecordView& record,
                 const TweetView* tweet, Sentiment sentiment, std::string_view why) {
    from_ = &from;
    tally_.take_back(tweet == nullptr ? std::string_view() : tweet->brand, sentiment);
    refuse(record, why);
  }

  // What read_tweets() calls.
  void tweet(const kafka::RecordView& record, const TweetView& tweet, Sentiment sentiment) {
    if (record.offset < stored_below_) return tally_.suppressed();
    std::string_view why = unsound(tweet);
    if (!replay_ && why.empty()) [[likely]] {
      why = to_.tweet(Place{*from_, record.offset}, record, tweet, sentiment);
      if (why.empty()) [[likely]]
        return tally_.add(tweet.brand, sentiment, tweet.timestamp);
      return refuse(record, why);
    }
    const Origin origin = origin_at(record);
    if (is_repeat(origin)) return tally_.suppressed();
    if (why.empty())
      why = to_.tweet(Place{keep(origin), origin.offset}, first(record), tweet, sentiment);
    if (!why.empty()) return refuse(record, why);
    tally_.add(tweet.brand, sentiment, tweet.timestamp);
  }

  void reading(const kafka::RecordView& record, const Reading& reading) {
    if (record.offset < stored_below_) return tally_.suppressed();
    const Origin origin = origin_at(record);
    if (is_repeat(origin)) return tally_.suppressed();
    std::string_view why = unsound(reading);
    if (why.empty()) why = to_.reading(Place{keep(origin), origin.offset}, first(record), reading);
    if (!why.empty()) return refuse(record, why);
    tally_.add(reading.timestamp_producer);
  }

  /// A store that has no place for payloads takes each for what it looks like.
  bool payload(const kafka::RecordView& letter, const RecordId& id,
               const std::optional<Reading>& reading) {
    if constexpr (kTakesPayloads) {
      const kafka::RecordView record = first(letter);
      if (record.offset < stored_below_) return tally_.suppressed(), true;
      const Origin origin = origin_at(record);
      if (is_repeat(origin)) return tally_.suppressed(), true;
      const std::int64_t time = reading ? reading->timestamp_producer : record.timestamp;
      std::string_view why = reading ? unsound(*reading) : unsound_time(record.timestamp);
      const Place place{keep(origin), origin.offset};
      if (why.empty())
        why = reading ? to_.reading(place, record, *reading, id) : to_.payload(place, record, id);
      if (why.empty())
        tally_.add(time);
      else
        refuse(record, why);
      return true;
    }
    return false;
  }

  void undecodable(const Undecodable& what) {
    if (what.last_offset < stored_below_) {
      for (std::uint64_t i = 0; i < what.count(); ++i) tally_.suppressed();
      return;
    }
    const Origin origin =
        what.record != nullptr ? origin_at(*what.record) : Origin{*from_, what.first_offset, 0};
    if (is_repeat(origin)) return tally_.suppressed();
    Undecodable letter = what;
    kafka::RecordView record;
    if (what.record != nullptr) {
      record = first(*what.record);
      letter.record = &record;
    }
    if (!kTakesPayloads && what.record != nullptr && id_in_headers(*what.record))
      letter.why = "this store keeps tweets and readings alone: SQLite and MongoDB keep others too";
    tray_.add(origin, letter);
    tally_.dead_lettered(what.count());
  }

  void batch_done(const kafka::BatchHeader& header) { to_.batch_done(*from_, header); }

 private:
  Origin origin_at(const kafka::RecordView& record) const {
    if (replay_)
      if (auto first = origin_of(record)) return std::move(*first);
    return {*from_, record.offset, 0};
  }
  /// As it was before it became a dead letter.
  kafka::RecordView first(const kafka::RecordView& record) const {
    return replay_ ? before_letter(record) : record;
  }
  void refuse(const kafka::RecordView& record, std::string_view why) {
    tray_.add(origin_at(record), first(record), why);
    tally_.dead_lettered(1);
  }
  bool is_repeat(const Origin& origin) {
    if (!replay_) return false;
    if (seen_.contains(origin) || fresh_.contains(origin) ||
        (before_ != nullptr && before_->contains(origin)))
      return true;
    fresh_.add(origin);
    return false;
  }
  /// A replay's places must outlast the call, as the fetched ones do.
  const kafka::TopicPartition& keep(const Origin& origin) {
    return origin.from == *from_ ? *from_ : *origins_.insert(origin.from).first;
  }

  To& to_;
  const bool replay_;
  const SeenLetters* before_;
  SeenLetters& seen_;
  SeenLetters fresh_;
  LetterTray tray_;
  Tally tally_;
  const kafka::TopicPartition* from_ = nullptr;
  std::int64_t stored_below_ = 0;
  std::set<kafka::TopicPartition> origins_;
};

}  // namespace ds
