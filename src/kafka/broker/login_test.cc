#include "kafka/broker/login.h"

#include <gmock/gmock.h>

#include "kafka/broker/access.h"

namespace ds::kafka::broker {
namespace {

using Verdict = Login::Verdict;

/// RFC 7677, section 3: user "user", password "pencil".
const std::string kRfcUser = [] {
  const std::string salt = *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  const std::string key = salted_password(Digest::kSha256, "pencil", salt, 4096);
  return "user SCRAM-SHA-256 4096 W22ZaJ0SNY7soEsUEjb6gQ== " +
         to_base64(hash(Digest::kSha256, hmac(Digest::kSha256, key, "Client Key"))) + " " +
         to_base64(hmac(Digest::kSha256, key, "Server Key")) + "\n";
}();
constexpr const char* kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr const char* kFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr const char* kFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

TEST(Login, SpeaksTheRfcsExchange) {
  const Users users = Users::parse(kRfcUser, "f").value();
  Login login(users, "SCRAM-SHA-256", kServerNonce);
  const auto first = login.on(kFirst);
  EXPECT_EQ(first.verdict, Verdict::kGoOn);
  EXPECT_EQ(first.answer,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  const auto last = login.on(kFinal);
  EXPECT_EQ(last.verdict, Verdict::kIn);
  EXPECT_EQ(last.answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  EXPECT_EQ(login.user(), "user");
  EXPECT_EQ(login.on(kFinal).verdict, Verdict::kRefused) << "not twice";
}

TEST(Login, RefusesEveryChangedMessage) {
  const Users users = Users::parse(kRfcUser, "f").value();
  const std::string right = kFinal;
  int refused = 0;
  for (std::size_t at = 0; at < right.size(); ++at)
    for (const char to : {'A', '=', ',', '\0', static_cast<char>(right[at] ^ 1)}) {
      if (right[at] == to) continue;
      std::string changed = right;
      changed[at] = to;
      Login login(users, "SCRAM-SHA-256", kServerNonce);
      ASSERT_EQ(login.on(kFirst).verdict, Verdict::kGoOn);
      EXPECT_EQ(login.on(changed).verdict, Verdict::kRefused) << at << ": " << changed;
      ++refused;
    }
  for (std::size_t length = 0; length < right.size(); ++length) {
    Login login(users, "SCRAM-SHA-256", kServerNonce);
    ASSERT_EQ(login.on(kFirst).verdict, Verdict::kGoOn);
    EXPECT_EQ(login.on(right.substr(0, length)).verdict, Verdict::kRefused);
  }
  fmt::print("{} changed messages refused\n", refused);
}

TEST(Login, RefusesFirstMessagesThatAreNone) {
  Users users;
  ASSERT_TRUE(users.set("alice", "secret"));
  const std::string nul(1, '\0');
  for (const std::string& message :
       {std::string(), std::string("n"), std::string("n,,"), std::string("n,,n=,r=x"),
        std::string("n,,n=alice"), std::string("n,,n=alice,r="), std::string("n,,n=al=ice,r=x"),
        std::string("p=tls-unique,,n=alice,r=x"), std::string("n,a=bob,n=alice,r=x"),
        std::string("n,,m=ext,n=alice,r=x"), "n,,n=" + std::string(300, 'a') + ",r=x"}) {
    Login login(users, "SCRAM-SHA-512", "n");
    EXPECT_EQ(login.on(message).verdict, Verdict::kRefused) << message;
  }
  for (const std::string& message :
       {std::string(), nul, nul + nul, nul + "alice" + nul, nul + nul + "secret",
        nul + "alice" + nul + "secret" + nul, "bob" + nul + "alice" + nul + "secret",
        std::string("alice")}) {
    Login login(users, "PLAIN", "n");
    EXPECT_EQ(login.on(message).verdict, Verdict::kRefused) << to_base64(message);
  }
  Login good(users, "PLAIN", "n");
  EXPECT_EQ(good.on(nul + "alice" + nul + "secret").verdict, Verdict::kCheckPassword);
  EXPECT_EQ(good.take_password(), "secret");
}

TEST(Login, AsksAnUnknownUserAsAKnownOne) {
  Users users;
  ASSERT_TRUE(users.set("alice", "secret"));
  const auto ask = [&](const std::string& name) {
    Login login(users, "SCRAM-SHA-256", "n");
    const auto step = login.on("n,,n=" + name + ",r=x");
    EXPECT_EQ(step.verdict, Verdict::kGoOn);
    return step.answer;
  };
  EXPECT_EQ(ask("nobody"), ask("nobody")) << "or it could be told from a real one";
  EXPECT_NE(ask("nobody"), ask("noone"));
  EXPECT_EQ(ask("nobody").size(), ask("alice").size());
  EXPECT_FALSE(users.is_password("nobody", "secret"));
}

TEST(Users, KeepSaltedPasswordsOnly) {
  Users users;
  ASSERT_TRUE(users.set("alice", "alice-secret"));
  ASSERT_TRUE(users.set("bob", "bob-secret"));
  const std::string text = users.to_text();
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("secret")));
  const Users again = Users::parse(text, "f").value();
  EXPECT_THAT(again.names(), testing::ElementsAre("alice", "bob"));
  EXPECT_TRUE(again.is_password("alice", "alice-secret"));
  EXPECT_FALSE(again.is_password("alice", "bob-secret"));
  EXPECT_FALSE(again.is_password("alice", ""));
  for (const char* bad : {"", "a b", "#a", "a\n"}) EXPECT_FALSE(users.set(bad, "x")) << bad;
  EXPECT_FALSE(users.set("carol", ""));
  const auto wrong = Users::parse("# fine\nalice alice-secret\n", "u");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, testing::StartsWith("u:2:"));
  EXPECT_THAT(wrong.error().message, testing::Not(testing::HasSubstr("secret")));
}

TEST(Access, AllowsWhatALineSays) {
  const Access access = Access::parse(
                            "# a comment\n"
                            "root all *\n"
                            "bob  read,write topic tweets   # the end of a line\n"
                            "bob  read group brand*\n"
                            "\"CN=sensor 1\" write topic r*\n"
                            "*    describe topic open\n"
                            "dora create cluster\n",
                            "f")
                            .value();
  using enum Operation;
  struct Case {
    const char* who;
    Operation what;
    Resource resource;
    const char* name;
    bool allowed;
  };
  const Case cases[] = {
      {"root", kDelete, Resource::kTopic, "any", true},
      {"root", kAlter, Resource::kCluster, "", true},
      {"bob", kRead, Resource::kTopic, "tweets", true},
      {"bob", kDescribe, Resource::kTopic, "tweets", true},
      {"bob", kDelete, Resource::kTopic, "tweets", false},
      {"bob", kRead, Resource::kTopic, "tweets2", false},
      {"bob", kRead, Resource::kGroup, "brand", true},
      {"bob", kRead, Resource::kGroup, "brandpulse", true},
      {"bob", kRead, Resource::kGroup, "bran", false},
      {"bob", kRead, Resource::kTopic, "brandpulse", false},
      {"CN=sensor 1", kWrite, Resource::kTopic, "readings", true},
      {"nobody", kDescribe, Resource::kTopic, "open", true},
      {"nobody", kRead, Resource::kTopic, "open", false},
      {"ANONYMOUS", kDescribe, Resource::kTopic, "tweets", false},
      {"dora", kCreate, Resource::kCluster, "", true},
      {"dora", kDescribe, Resource::kCluster, "", false},
  };
  for (const auto& [who, what, resource, name, allowed] : cases)
    EXPECT_EQ(access.may(who, what, resource, name), allowed)
        << who << " " << static_cast<int>(what) << " " << name;
  EXPECT_TRUE(access.may_somewhere("bob", kWrite, Resource::kTopic));
  EXPECT_FALSE(access.may_somewhere("dora", kWrite, Resource::kTopic));
  EXPECT_TRUE(Access().may("anybody", kAlter, Resource::kCluster, ""));

  const auto wrong = Access::parse(
      "bob fly topic t\nbob read topic\nbob read sky\nbob read topic a b\nbob read topic t\n", "f");
  ASSERT_FALSE(wrong);
  for (const char* line : {"f:1:", "f:2:", "f:3:", "f:4:"})
    EXPECT_THAT(wrong.error().message, testing::HasSubstr(line));
  EXPECT_THAT(wrong.error().message, testing::Not(testing::HasSubstr("f:5:")));
}

}  // namespace
}  // namespace ds::kafka::broker
