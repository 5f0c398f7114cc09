// A record's value from anybody: as a tweet in each encoding, as a reading, as an id. What is read
// is written again and must read the same.
#include <cstdint>

#include "base/check.h"
#include "record/avro_tweet.h"
#include "record/identity.h"
#include "record/reading.h"
#include "record/tweet_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ds;
  const ByteView bytes(data, size);
  for (const auto encoding : {TweetEncoding::kAuto, TweetEncoding::kAvro, TweetEncoding::kConfluent,
                              TweetEncoding::kJson}) {
    TweetDecoder decoder(encoding);
    const auto tweet = decoder.decode(bytes);
    (void)decoder.reading(bytes);
    if (!tweet) continue;
    ByteVec again;
    append_avro(again, *tweet);
    TweetDecoder avro(TweetEncoding::kAvro);
    const auto same = avro.decode(again);
    check(same && same->text == tweet->text && same->timestamp == tweet->timestamp,
          "a tweet changes on its way");
  }
  if (const auto reading = decode_avro_reading(bytes)) {
    std::uint8_t again[64];
    const ByteView written(again, static_cast<std::size_t>(put_avro(again, *reading) - again));
    const auto same = decode_avro_reading(written);
    check(same && same->sequence == reading->sequence, "a reading changes on its way");
  }
  if (const auto id = parse_tweet_id(as_text(bytes)))
    check(to_tweet_id(*id) == as_text(bytes), "an id has two spellings");
  if (const auto id = parse_binary_id(as_text(bytes)))
    check(parse_tweet_id(to_tweet_id(*id)) == id, "an id changes on its way");
  return 0;
}
