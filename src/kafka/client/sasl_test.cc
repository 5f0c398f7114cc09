#include "kafka/client/sasl.h"

#include <gtest/gtest.h>

namespace ds::kafka {
namespace {

Security login_of(SaslMechanism mechanism, std::string user, std::string password) {
  Security security;
  security.sasl = mechanism;
  security.user = std::move(user);
  security.password = std::move(password);
  return security;
}

// The exchange of RFC 7677, section 3.
constexpr auto kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr auto kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr auto kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

TEST(SaslLogin, SpeaksScramSha256AsInRfc7677) {
  SaslLogin login(login_of(SaslMechanism::kScramSha256, "user", "pencil"), kNonce);
  EXPECT_EQ(login.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  auto proof = login.on(kServerFirst);
  ASSERT_TRUE(proof.ok());
  EXPECT_EQ(*proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_FALSE(login.done());
  auto end = login.on(kServerFinal);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, "");
  EXPECT_TRUE(login.done());
}

TEST(SaslLogin, SendsPlainAsInRfc4616) {
  SaslLogin login(login_of(SaslMechanism::kPlain, "tim", "tanstaaftanstaaf"), "");
  EXPECT_EQ(login.first(), std::string("\0tim\0tanstaaftanstaaf", 21));
  ASSERT_TRUE(login.on("").ok());
  EXPECT_TRUE(login.done());
}

TEST(SaslLogin, EscapesCommaAndEqualsInNames) {
  SaslLogin login(login_of(SaslMechanism::kScramSha512, "a=b,c", "x"), "n0");
  EXPECT_EQ(login.first(), "n,,n=a=3Db=2Cc,r=n0");
}

TEST(SaslLogin, RefusesWhatIsNotScram) {
  struct Case {
    const char* what;
    const char* server_first;
    const char* says;
  };
  const Case cases[] = {
      {"nothing", "", "lacks r, s or i"},
      {"no salt", "r=n0x,i=4096", "lacks"},
      {"another nonce", "r=other,s=AAAA,i=4096", "does not continue our nonce"},
      {"our nonce alone", "r=n0,s=AAAA,i=4096", "does not continue our nonce"},
      {"salt not base64", "r=n0x,s=*,i=4096", "not base64"},
      {"iterations zero", "r=n0x,s=AAAA,i=0", "asks for 0 iterations"},
      {"iterations for hours", "r=n0x,s=AAAA,i=1000000001", "asks for 1000000001 iterations"},
      {"iterations not a number", "r=n0x,s=AAAA,i=4096x", "asks for 4096x iterations"},
  };
  for (const auto& [what, server_first, says] : cases) {
    SCOPED_TRACE(what);
    SaslLogin login(login_of(SaslMechanism::kScramSha256, "u", "p"), "n0");
    login.first();
    const auto answer = login.on(server_first);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kProtocol);
    EXPECT_NE(answer.error().message.find(says), std::string::npos) << answer.error().message;
  }
}

TEST(SaslLogin, RefusesAServerThatDoesNotKnowThePassword) {
  struct Case {
    const char* what;
    std::string server_final;
  };
  const Case cases[] = {
      {"error", "e=invalid-proof"},
      {"nothing", ""},
      {"one bit off", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
      {"too short", "v=6rriTRBi"},
  };
  for (const auto& [what, server_final] : cases) {
    SCOPED_TRACE(what);
    SaslLogin login(login_of(SaslMechanism::kScramSha256, "user", "pencil"), kNonce);
    login.first();
    ASSERT_TRUE(login.on(kServerFirst).ok());
    const auto end = login.on(server_final);
    ASSERT_FALSE(end.ok());
    EXPECT_EQ(end.error().code, ErrorCode::kRefused);
    EXPECT_FALSE(login.done());
  }
}

TEST(SaslMechanism, IsReadByKafkasNames) {
  EXPECT_EQ(*parse_sasl_mechanism("PLAIN"), SaslMechanism::kPlain);
  EXPECT_EQ(*parse_sasl_mechanism("SCRAM-SHA-256"), SaslMechanism::kScramSha256);
  EXPECT_EQ(*parse_sasl_mechanism("SCRAM-SHA-512"), SaslMechanism::kScramSha512);
  EXPECT_EQ(parse_sasl_mechanism("GSSAPI").error().code, ErrorCode::kUsage);
  EXPECT_EQ(parse_sasl_mechanism("").error().code, ErrorCode::kUsage);
}

TEST(SaslNonce, IsFreshEachTimeAndHasNoComma) {
  const std::string one = make_sasl_nonce();
  EXPECT_EQ(one.size(), 32u);
  EXPECT_EQ(one.find(','), std::string::npos);
  EXPECT_NE(one, make_sasl_nonce());
}

}  // namespace
}  // namespace ds::kafka
