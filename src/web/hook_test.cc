#include "web/hook_signature.h"

#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "base/random.h"
#include "web/hook_body.h"
#include "web/replay_window.h"

namespace ds {
namespace {

std::string text_of(std::string_view hex) {
  const ByteVec bytes = from_hex(hex);
  return {bytes.begin(), bytes.end()};
}

TEST(Hmac, AgreesWithRfc4231) {
  const std::string twenty_five = text_of("0102030405060708090a0b0c0d0e0f10111213141516171819");
  const std::string long_key(131, '\xaa');
  struct Case {
    std::string key, data;
    const char* digest;  // the fifth is cut to 128 bits
  };
  const Case cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {twenty_five, std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(20, '\x0c'), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
      {long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {long_key,
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const auto& [key, data, digest] : cases) {
    Hmac hmac(key);
    for (int again = 0; again < 2; ++again) {  // the context starts over each time
      const Sha256 whole = hmac.of({data.substr(0, 3), data.substr(3)});
      EXPECT_EQ(ByteVec(whole.begin(), whole.begin() + from_hex(digest).size()), from_hex(digest));
    }
  }
}

TEST(HookSignature, IsOfOneKeyInWhateverStyles) {
  auto keys = HookKeys::make({"first secret", "second secret"});
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  Hmac first("first secret"), second("second secret");
  const std::string body = "{\"a\":1}";
  const std::string by_first = hex_signature(first, body), by_second = hex_signature(second, body);
  struct Case {
    const char* what;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::optional<std::size_t> key;
  };
  const Case cases[] = {
      {"none", {}, {}},
      {"the first", {{"x-npm-signature", by_first}}, 0},
      {"the second", {{"x-hub-signature-256", by_second}}, 1},
      {"one in two styles",
       {{"x-npm-signature", by_second}, {"x-hub-signature-256", by_second}},
       1},
      {"two keys", {{"x-npm-signature", by_first}, {"x-hub-signature-256", by_second}}, {}},
      {"one of two is wrong",
       {{"x-npm-signature", by_first}, {"x-hub-signature-256", "sha256=0"}},
       {}},
      {"the same twice", {{"x-npm-signature", by_first}, {"x-npm-signature", by_first}}, {}}};
  for (const auto& [what, headers, key] : cases) {
    SCOPED_TRACE(what);
    HttpRequest request;
    request.body = as_bytes(body);
    for (const auto& [name, value] : headers) request.headers.push_back({name, value});
    const auto signed_by = check_signature(*keys, request, 0, 300);
    ASSERT_EQ(signed_by.ok(), key.has_value());
    if (key) {
      EXPECT_EQ(signed_by->key, *key);
    }
  }
}

/// The same by a map that never forgets but by time.
TEST(ReplayWindow, SaysWhatAPlainMapSays) {
  constexpr Nanos kWindow = 1000;
  constexpr int kSteps = 200'000;
  ReplayWindow window(1 << 16, kWindow);
  struct Known {
    std::uint64_t ticket;
    Nanos at;
  };
  std::map<std::uint64_t, Known> model;
  Random random(11);
  Nanos now = 0;
  std::uint64_t copies = 0;
  for (std::uint64_t step = 1; step <= kSteps; ++step) {
    now += static_cast<Nanos>(random.below(3));
    const std::uint64_t message = random.below(3000) * 0x10000;  // same low bits
    const auto known = model.find(message);
    const bool alive = known != model.end() && now - known->second.at <= kWindow;
    using Seen = ReplayWindow::Seen;
    const Seen seen = window.begin(message, step, -1, now);
    ASSERT_EQ(seen, alive ? Seen::kStored : Seen::kNew) << "step " << step;
    copies += alive;
    if (alive) continue;
    ASSERT_EQ(window.begin(message, step + kSteps, -1, now), Seen::kPending);
    ASSERT_EQ(window.ticket(), step);
    if (random.below(4) == 0) {
      window.forget(message);
      model.erase(message);
    } else {
      window.stored(message);
      model[message] = {step, now};
    }
  }
  std::cout << kSteps << " messages, " << copies << " copies\n";
  EXPECT_GT(copies, kSteps / 10u);
  EXPECT_LE(window.size(), 3000u);
}

TEST(ReplayWindow, ForgetsTheOldestWhenItIsFullAndSaysUpToWhen) {
  using Seen = ReplayWindow::Seen;
  ReplayWindow window(4, 1000);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(window.begin(i, i, 100 + static_cast<std::int64_t>(i), 0), Seen::kNew);
    if (i > 1) window.stored(i);
  }
  EXPECT_EQ(window.begin(5, 5, 105, 0), Seen::kFull) << "the oldest is under way";
  window.stored(1);
  EXPECT_EQ(window.forgotten_until(), -1);
  EXPECT_EQ(window.begin(5, 5, 105, 0), Seen::kNew);
  EXPECT_EQ(window.forgotten_until(), 101);
  EXPECT_EQ(window.begin(1, 6, 101, 0), Seen::kNew) << "forgotten, which its time tells";
  EXPECT_EQ(window.forgotten_until(), 102);
}

TEST(HookBody, KnowsTypesAndTopics) {
  EXPECT_EQ(hook_format(std::nullopt), HookFormat::kJson);
  EXPECT_EQ(hook_format("Application/JSON ; charset=utf-8"), HookFormat::kJson);
  EXPECT_EQ(hook_format("application/x-ndjson"), HookFormat::kLines);
  EXPECT_FALSE(hook_format("text/json"));
  for (const char* good : {"a", "A.b_c-9", "..."}) EXPECT_TRUE(may_be_topic(good)) << good;
  for (const char* bad : {"", ".", "..", "a/b", "a b", "\xc3\xa4"})
    EXPECT_FALSE(may_be_topic(bad)) << bad;
}

TEST(HookBody, KeepsTheBytesOfThePayload) {
  HookBodyReader reader({"first", "second"});
  const auto read = [&](std::string_view text, HookFormat format = HookFormat::kJson) {
    const auto refused = reader.read(format, as_bytes(text));
    return refused ? fmt::format("{} {}", refused->status, refused->why) : std::string();
  };
  EXPECT_EQ(read(R"( {"event":"package:publish", "payload": {"x": 1.10, "topic":"second" } } )"),
            "");
  ASSERT_EQ(reader.events().size(), 1u);
  EXPECT_EQ(as_text(reader.events()[0].value), R"({"x": 1.10, "topic":"second" })");
  EXPECT_EQ(reader.events()[0].topic, 1u);
  EXPECT_EQ(reader.events()[0].producer, -1);

  EXPECT_EQ(read("{\"producer_id\":7}\n\n {\"producer_id\":\"8\"} \r\n", HookFormat::kLines), "");
  ASSERT_EQ(reader.events().size(), 2u);
  EXPECT_EQ(as_text(reader.events()[1].value), R"({"producer_id":"8"})");
  EXPECT_EQ(reader.events()[0].producer, 7);
  EXPECT_EQ(reader.events()[1].producer, -1);
  EXPECT_EQ(reader.events()[1].topic, 0u);

  EXPECT_EQ(read("{}\n[]\n", HookFormat::kLines), "400 line 2: it is not a JSON object");
  EXPECT_EQ(read(R"({"topic":"third"})"), "403 the topic third is not open to this hook");
  // A name spelled with an escape is the same name.
  EXPECT_EQ(read(R"({"\u0074opic":"third"})"), "403 the topic third is not open to this hook");
  EXPECT_EQ(read(R"({"payload":{},"pay\u006coad":{"topic":"third"},"event":"package:publish"})"),
            "400 payload is said twice");
}

/// Plain objects are read without the parser. A name with an escape in front sends the same object
/// to the parser, and both must say the same of whatever a hand has broken.
TEST(HookBody, ReadsPlainObjectsAsTheParserDoes) {
  constexpr std::string_view kSeeds[] = {
      R"({"data":21.4,"timestamp_producer":1700000000000,"producer_id":7,"sequence":12})",
      R"({"topic":"second", "a": "b c", "d":true ,"e":false,"f":null,"producer_id":-0})",
      R"({"producer_id":123456789012345,"x":-0.25,"topic":"first","producer_id ":1})"};
  constexpr std::string_view kLetters = "{}[]\",:.-+0123456789eE tnu\\\t\r/abz\x7f\xc3\xa4\x01";
  constexpr int kSteps = 300'000;
  HookBodyReader reader({"first", "second"});
  Random random(5);
  int accepted = 0;
  for (int step = 0; step < kSteps; ++step) {
    std::string text(kSeeds[random.below(std::size(kSeeds))]);
    for (std::uint64_t changes = random.below(4); changes > 0; --changes) {
      const std::size_t at = 1 + random.below(text.size() - 1);
      const char letter = kLetters[random.below(kLetters.size())];
      const std::uint64_t how = random.below(3);
      if (how == 0) text[at] = letter;
      if (how == 1) text.insert(at, 1, letter);
      if (how == 2) text.erase(at, 1);
    }
    const std::string parsed = R"({"\u0078":0,)" + text.substr(1);
    const auto plainly = reader.read(HookFormat::kJson, as_bytes(text));
    const auto events = reader.events();
    const auto by_parser = reader.read(HookFormat::kJson, as_bytes(parsed));
    // Behind a comma there must be a name, which an empty object has not.
    if (text.find_first_not_of(" \t\r\n", 1) == text.rfind('}')) continue;
    ASSERT_EQ(plainly.has_value(), by_parser.has_value()) << text;
    if (plainly) {
      ASSERT_EQ(plainly->why, by_parser->why) << text;
      continue;
    }
    ++accepted;
    ASSERT_EQ(events.size(), 1u);
    ASSERT_EQ(events[0].topic, reader.events()[0].topic) << text;
    ASSERT_EQ(events[0].producer, reader.events()[0].producer) << text;
  }
  std::cout << accepted << " of " << kSteps << " were accepted\n";
  EXPECT_GT(accepted, kSteps / 5);
}

}  // namespace
}  // namespace ds
