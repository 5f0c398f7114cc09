#include "cli/client_properties.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace ds::cli {
namespace {

using kafka::SaslMechanism;

class ClientProperties : public testing::Test {
 protected:
  ClientProperties() {
    std::string name = (std::filesystem::temp_directory_path() / "properties-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = (folder_ / "client.properties").string();
  }
  ~ClientProperties() override { std::filesystem::remove_all(folder_); }

  Status read(const std::string& text, Properties& into) const {
    std::ofstream(path_, std::ios::binary) << text;
    return read_properties(path_, into);
  }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(ClientProperties, AreReadAsJavaReadsThem) {
  struct Case {
    const char* what;
    const char* text;
    const char* name;
    const char* value;
  };
  const Case cases[] = {
      {"plain", "a.b=c", "a.b", "c"},
      {"blanks around", "  a.b \t=  c d \r\n", "a.b", "c d"},
      {"a colon", "a.b: c", "a.b", "c"},
      {"a blank", "a.b c=d", "a.b", "c=d"},
      {"an empty value", "a.b=", "a.b", ""},
      {"comments", "# a.b=1\n! a.b=2\n\n a.b=3\n", "a.b", "3"},
      {"the last wins", "a.b=1\na.b=2\n", "a.b", "2"},
      {"goes on", "a.b=one \\\n    two \\\r\n  three\nc=d\n", "a.b", "one two three"},
      {"a doubled backslash does not go on", "a.b=one\\\\\nc=d\n", "a.b", "one\\"},
      {"escapes", "a\\:b=c\\=\\td", "a:b", "c=\td"},
      {"equal signs and hashes in a value", "a.b=p=q#r", "a.b", "p=q#r"},
  };
  for (const auto& [what, text, name, value] : cases) {
    SCOPED_TRACE(what);
    Properties properties;
    ASSERT_TRUE(read(text, properties).ok());
    ASSERT_TRUE(properties.contains(name));
    EXPECT_EQ(properties.find(name)->second.value, value);
  }
}

TEST_F(ClientProperties, NameTheLineAndNeverQuoteIt) {
  Properties properties;
  const Status broken = read("a=b\n\nsecretword\n", properties);
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().code, ErrorCode::kUsage);
  EXPECT_NE(broken.error().message.find("client.properties:3:"), std::string::npos);
  EXPECT_EQ(broken.error().message.find("secretword"), std::string::npos);
  EXPECT_FALSE(read_properties(path_ + ".gone", properties).ok());
}

TEST_F(ClientProperties, MeanTheSameInJavasAndLibrdkafkasWords) {
  const char* const styles[] = {
      "security.protocol=SASL_SSL\n"
      "sasl.mechanism=SCRAM-SHA-512\n"
      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
      "    username=\"alice\" \\\n"
      "    password=\"a;b=c\";\n"
      "ssl.truststore.type=PEM\n"
      "ssl.truststore.location=ca.pem\n"
      "ssl.keystore.type=PEM\n"
      "ssl.keystore.location=me.pem\n"
      "ssl.endpoint.identification.algorithm=\n",
      "security.protocol=sasl_ssl\n"
      "sasl.mechanisms=SCRAM-SHA-512\n"
      "sasl.username=alice\n"
      "sasl.password=a;b=c\n"
      "ssl.ca.location=ca.pem\n"
      "ssl.certificate.location=me.pem\n"
      "ssl.key.location=me.pem\n"
      "ssl.endpoint.identification.algorithm=none\n"};
  for (const char* text : styles) {
    SCOPED_TRACE(text);
    Properties properties;
    ASSERT_TRUE(read(text, properties).ok());
    kafka::ClientSettings settings;
    EXPECT_TRUE(apply_properties(properties, settings).empty());
    const kafka::Security& security = settings.security;
    EXPECT_TRUE(security.tls);
    EXPECT_EQ(security.sasl, SaslMechanism::kScramSha512);
    EXPECT_EQ(security.user, "alice");
    EXPECT_EQ(security.password, "a;b=c");
    EXPECT_EQ(security.ca_file, "ca.pem");
    EXPECT_EQ(security.certificate_file, "me.pem");
    EXPECT_EQ(security.key_file, "me.pem");
    EXPECT_FALSE(security.verify_host);
    EXPECT_TRUE(settings.properties.empty());
  }
}

TEST_F(ClientProperties, SayWhetherThereIsTlsAndALogin) {
  struct Case {
    const char* protocol;
    bool tls;
  };
  for (const auto& [protocol, tls] : {Case{"PLAINTEXT", false}, {"SSL", true}, {"ssl", true}}) {
    kafka::ClientSettings settings;
    EXPECT_TRUE(apply_properties({{"security.protocol", {protocol, "-X"}}}, settings).empty());
    EXPECT_EQ(settings.security.tls, tls) << protocol;
    EXPECT_EQ(settings.security.sasl, SaslMechanism::kNone) << protocol;
  }
}

TEST(JaasLine, IsReadHoweverItIsQuoted) {
  struct Case {
    const char* line;
    const char* user;
    const char* password;
  };
  const Case cases[] = {
      {"Module required username=\"u\" password=\"p\";", "u", "p"},
      {"Module required password=\"p q\"  username=\"u\";", "u", "p q"},
      {"Module required username='u' password='p\"q';", "u", "p\"q"},
      {"Module required username=u password=p;", "u", "p"},
      {R"(Module required username="u" password="p\"q\\r";)", "u", "p\"q\\r"},
      {"Module required username=\"u\" password=\"username=x\";", "u", "username=x"},
  };
  for (const auto& [line, user, password] : cases) {
    kafka::ClientSettings settings;
    const Properties properties{{"security.protocol", {"SASL_PLAINTEXT", "-X"}},
                                {"sasl.mechanism", {"PLAIN", "-X"}},
                                {"sasl.jaas.config", {line, "-X"}}};
    EXPECT_TRUE(apply_properties(properties, settings).empty()) << line;
    EXPECT_EQ(settings.security.user, user) << line;
    EXPECT_EQ(settings.security.password, password) << line;
  }
}

TEST_F(ClientProperties, AreRefusedWithTheirPlace) {
  struct Case {
    const char* what;
    const char* text;
    const char* told;
  };
  const Case cases[] = {
      {"protocol", "\nsecurity.protocol=TLS", "client.properties:2: the security protocol 'TLS'"},
      {"mechanism", "sasl.mechanism=NTLM", "client.properties:1: the SASL mechanism 'NTLM'"},
      {"a Java store", "ssl.truststore.type=JKS", "only PEM files are read"},
      {"no mechanism", "security.protocol=SASL_SSL\nsasl.username=u", "sasl.mechanism is not set"},
      {"no login", "sasl.mechanism=PLAIN\nsasl.username=u", "security.protocol is PLAINTEXT"},
      {"nobody", "security.protocol=SASL_SSL\nsasl.mechanism=PLAIN", "a login needs a user"},
  };
  for (const auto& [what, text, told] : cases) {
    SCOPED_TRACE(what);
    Properties properties;
    ASSERT_TRUE(read(text, properties).ok());
    kafka::ClientSettings settings;
    const auto wrong = apply_properties(properties, settings);
    ASSERT_EQ(wrong.size(), 1u);
    EXPECT_EQ(wrong[0].code, ErrorCode::kUsage);
    EXPECT_NE(wrong[0].message.find(told), std::string::npos) << wrong[0].message;
  }
}

TEST(ApplyProperties, SaysEverythingThatIsWrongAndLeavesTheRestToTheEngine) {
  kafka::ClientSettings settings;
  const Properties properties{{"client.id", {"mine", "-X"}},
                              {"sasl.mechanism", {"NTLM", "-X"}},
                              {"security.protocol", {"none", "-X"}},
                              {"socket.timeout.ms", {"7", "-X"}}};
  EXPECT_EQ(apply_properties(properties, settings).size(), 2u);
  EXPECT_EQ(settings.client_id, "mine");
  EXPECT_EQ(settings.properties, (std::map<std::string, std::string>{{"socket.timeout.ms", "7"}}));
}

}  // namespace
}  // namespace ds::cli
