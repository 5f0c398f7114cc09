#include "kafka/client/sasl.h"

#include <charconv>

#include "net/crypto.h"

namespace ds::kafka {
namespace {

// A server could ask for hours of hashing; Kafka's own upper bound is far below this.
constexpr int kIterationsMax = 1'000'000;
constexpr int kIterationsMin = 1;

Digest digest_of(SaslMechanism mechanism) {
  return mechanism == SaslMechanism::kScramSha512 ? Digest::kSha512 : Digest::kSha256;
}

// RFC 5802: "=" and "," in a name are written "=3D" and "=2C".
std::string escape_name(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == '=') {
      out += "=3D";
    } else if (c == ',') {
      out += "=2C";
    } else {
      out += c;
    }
  }
  return out;
}

// The value of `key` in "r=…,s=…,i=…".
std::optional<std::string_view> attribute(std::string_view message, char key) {
  while (!message.empty()) {
    const std::size_t comma = message.find(',');
    const std::string_view part = message.substr(0, comma);
    if (part.size() >= 2 && part[0] == key && part[1] == '=') return part.substr(2);
    if (comma == std::string_view::npos) break;
    message.remove_prefix(comma + 1);
  }
  return std::nullopt;
}

Error not_scram(std::string_view what) {
  return {.code = ErrorCode::kProtocol,
          .message = fmt::format("the server's SCRAM message {}", what)};
}

}  // namespace

std::string_view to_string(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::kNone:
      return "";
    case SaslMechanism::kPlain:
      return "PLAIN";
    case SaslMechanism::kScramSha256:
      return "SCRAM-SHA-256";
    case SaslMechanism::kScramSha512:
      return "SCRAM-SHA-512";
    case SaslMechanism::kOther:
      return "a mechanism of librdkafka's";
  }
  return "";
}

Result<SaslMechanism> parse_sasl_mechanism(std::string_view text) {
  for (auto mechanism :
       {SaslMechanism::kPlain, SaslMechanism::kScramSha256, SaslMechanism::kScramSha512}) {
    if (text == to_string(mechanism)) return mechanism;
  }
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("the direct engine has no SASL mechanism {}", text),
               .hint = "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or --engine librdkafka"};
}

std::string make_sasl_nonce() {
  return to_base64(random_bytes(24));
}

SaslLogin::SaslLogin(const Security& security, std::string nonce)
    : mechanism_(security.sasl),
      user_(security.user),
      password_(security.password),
      nonce_(std::move(nonce)) {}

std::string SaslLogin::first() {
  check(state_ == State::kStart, "SaslLogin::first() twice");
  state_ = State::kWaitsForSalt;
  if (mechanism_ == SaslMechanism::kPlain) {
    std::string message;
    message.append(1, '\0').append(user_).append(1, '\0').append(password_);
    return message;
  }
  client_first_bare_ = fmt::format("n={},r={}", escape_name(user_), nonce_);
  return "n,," + client_first_bare_;
}

Result<std::string> SaslLogin::on(std::string_view challenge) {
  check(state_ == State::kWaitsForSalt || state_ == State::kWaitsForProof,
        "SaslLogin::on() out of turn");
  if (mechanism_ == SaslMechanism::kPlain) {
    state_ = State::kDone;
    return std::string{};
  }
  return state_ == State::kWaitsForSalt ? prove(challenge) : verify(challenge);
}

Result<std::string> SaslLogin::prove(std::string_view server_first) {
  const auto nonce = attribute(server_first, 'r');
  const auto salt_text = attribute(server_first, 's');
  const auto iterations_text = attribute(server_first, 'i');
  if (!nonce || !salt_text || !iterations_text) return not_scram("lacks r, s or i");
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size())
    return not_scram("does not continue our nonce");
  const auto salt = from_base64(*salt_text);
  if (!salt) return not_scram("has a salt that is not base64");
  int iterations = 0;
  const char* end = iterations_text->data() + iterations_text->size();
  const auto parsed = std::from_chars(iterations_text->data(), end, iterations);
  if (parsed.ec != std::errc{} || parsed.ptr != end || iterations < kIterationsMin ||
      iterations > kIterationsMax)
    return not_scram(fmt::format("asks for {} iterations", *iterations_text));

  const Digest digest = digest_of(mechanism_);
  const std::string final_bare = fmt::format("c=biws,r={}", *nonce);  // biws: base64 of "n,,"
  const std::string signed_text =
      fmt::format("{},{},{}", client_first_bare_, server_first, final_bare);
  const std::string salted = salted_password(digest, password_, *salt, iterations);
  const std::string client_key = hmac(digest, salted, "Client Key");
  std::string proof = hmac(digest, hash(digest, client_key), signed_text);
  for (std::size_t i = 0; i < proof.size(); ++i)
    proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
  server_signature_ = hmac(digest, hmac(digest, salted, "Server Key"), signed_text);
  state_ = State::kWaitsForProof;
  return fmt::format("{},p={}", final_bare, to_base64(proof));
}

Result<std::string> SaslLogin::verify(std::string_view server_final) {
  if (const auto refusal = attribute(server_final, 'e')) {
    return Error{.code = ErrorCode::kRefused,
                 .message = fmt::format("the login of {} was refused: {}", user_, *refusal),
                 .hint = "check the user, the password and the mechanism"};
  }
  const auto signature_text = attribute(server_final, 'v');
  const auto signature = signature_text ? from_base64(*signature_text) : std::nullopt;
  if (!signature || !equal_in_constant_time(*signature, server_signature_)) {
    return Error{.code = ErrorCode::kRefused,
                 .message = "the server could not show that it knows the password",
                 .hint = "somebody else may be answering in the broker's name"};
  }
  state_ = State::kDone;
  return std::string{};
}

}  // namespace ds::kafka
