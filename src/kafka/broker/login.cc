#include "kafka/broker/login.h"

#include <fmt/format.h>

namespace ds::kafka::broker {
namespace {

constexpr std::size_t kNameMax = 255;
constexpr std::size_t kNonceMax = 1024;

/// The value of `key` at the front of "r=…,s=…", and the rest behind the comma.
std::optional<std::string_view> take_attribute(std::string_view& message, char key) {
  if (message.size() < 2 || message[0] != key || message[1] != '=') return std::nullopt;
  const auto comma = message.find(',');
  const auto value = message.substr(2, comma == message.npos ? comma : comma - 2);
  message.remove_prefix(comma == message.npos ? message.size() : comma + 1);
  return value;
}

/// RFC 5802: "=2C" is a comma, "=3D" an equals sign; no other "=" may stand in a name.
std::optional<std::string> unescape_name(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      name += text[i];
      continue;
    }
    const auto code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    name += code == "2C" ? ',' : '=';
    i += 2;
  }
  return name;
}

}  // namespace

Login::Step Login::on(std::string_view message) {
  ++step_;
  if (mechanism_ == "PLAIN") return step_ == 1 ? plain(message) : Step{};
  if (step_ == 1) return first(message);
  return step_ == 2 ? prove(message) : Step{};
}

/// "for whom" NUL "name" NUL "password"; nobody may act for somebody else.
Login::Step Login::plain(std::string_view message) {
  const auto first = message.find('\0');
  if (first == message.npos) return {};
  const auto second = message.find('\0', first + 1);
  if (second == message.npos) return {};
  const auto for_whom = message.substr(0, first);
  const auto name = message.substr(first + 1, second - first - 1);
  const auto password = message.substr(second + 1);
  if (name.empty() || name.size() > kNameMax || password.empty() ||
      password.find('\0') != password.npos || (!for_whom.empty() && for_whom != name))
    return {};
  user_ = name;
  password_ = password;
  return {Verdict::kCheckPassword};
}

/// "n,,n=alice,r=nonce": without channel binding, and without acting for somebody else.
Login::Step Login::first(std::string_view message) {
  if (!message.starts_with("n,") && !message.starts_with("y,")) return {};
  std::string_view rest = message.substr(2);
  const auto for_whom = take_attribute(rest, 'a');
  if (!for_whom) {
    if (!rest.starts_with(',')) return {};
    rest.remove_prefix(1);
  }
  gs2_header_ = message.substr(0, message.size() - rest.size());
  client_first_bare_ = rest;
  const auto name_text = take_attribute(rest, 'n');
  const auto name = name_text ? unescape_name(*name_text) : std::nullopt;
  const auto nonce = take_attribute(rest, 'r');
  if (!name || name->empty() || name->size() > kNameMax || !nonce || nonce->empty() ||
      nonce->size() > kNonceMax)
    return {};
  if (for_whom && unescape_name(*for_whom) != name) return {};
  user_ = *name;
  client_nonce_ = *nonce;
  nonce_ = client_nonce_ + nonce_;
  credential_ =
      users_.credential(user_, mechanism_ == "SCRAM-SHA-512" ? Digest::kSha512 : Digest::kSha256);
  server_first_ =
      fmt::format("r={},s={},i={}", nonce_, to_base64(credential_.salt), credential_.iterations);
  return {Verdict::kGoOn, server_first_};
}

/// "c=biws,r=nonces,p=proof"; extensions may stand before the proof.
Login::Step Login::prove(std::string_view message) {
  const auto proof_at = message.rfind(",p=");
  if (proof_at == message.npos) return {};
  const auto without_proof = message.substr(0, proof_at);
  auto proof = from_base64(message.substr(proof_at + 3));
  std::string_view rest = without_proof;
  const auto binding = take_attribute(rest, 'c');
  const auto nonce = take_attribute(rest, 'r');
  const Digest digest = mechanism_ == "SCRAM-SHA-512" ? Digest::kSha512 : Digest::kSha256;
  // librdkafka before 2.6.1 writes its own part twice; the proof covers that as well.
  const bool fresh = nonce && (equal_in_constant_time(*nonce, nonce_) ||
                               equal_in_constant_time(*nonce, client_nonce_ + nonce_));
  if (!proof || !binding || from_base64(*binding) != gs2_header_ || !fresh ||
      proof->size() != credential_.stored_key.size())
    return {};
  const std::string signed_text =
      fmt::format("{},{},{}", client_first_bare_, server_first_, without_proof);
  const std::string signature = hmac(digest, credential_.stored_key, signed_text);
  for (std::size_t i = 0; i < proof->size(); ++i)
    (*proof)[i] = static_cast<char>((*proof)[i] ^ signature[i]);
  if (!equal_in_constant_time(hash(digest, *proof), credential_.stored_key)) return {};
  return {Verdict::kIn, "v=" + to_base64(hmac(digest, credential_.server_key, signed_text))};
}

}  // namespace ds::kafka::broker
