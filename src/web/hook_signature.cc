#include "web/hook_signature.h"

#define OPENSSL_SUPPRESS_DEPRECATED  // HMAC through EVP allocates several times a message

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>

namespace ds {
namespace {

constexpr std::string_view kPrefix = "sha256=";
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kSignaturesMax = 16;  // in one webhook-signature
constexpr std::size_t kIdBytesMax = 256;

Error refused(std::string message) {
  return Error{.code = ErrorCode::kRefused, .message = std::move(message)};
}

using HexDigest = std::array<char, 2 * std::tuple_size_v<Sha256>>;

HexDigest hex_of(const Sha256& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  HexDigest text;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4];
    text[2 * i + 1] = kDigits[digest[i] & 15];
  }
  return text;
}
std::string_view as_view(const HexDigest& text) {
  return {text.data(), text.size()};
}

std::string base64_of(const Sha256& digest) {
  std::uint8_t text[48];
  const int size = EVP_EncodeBlock(text, digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 1024) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<std::uint8_t*>(bytes.data()),
                                   reinterpret_cast<const std::uint8_t*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint64_t name_of(const Sha256& digest) {
  std::uint64_t name;
  std::memcpy(&name, digest.data(), sizeof name);
  return name;
}

bool may_be_id(std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax) return false;
  for (const char c : id) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '-' && c != '.' && c != ':') return false;
  }
  return true;
}

/// A signature of the body alone: both hexadecimal styles.
Result<HookSigned> check_hex(HookKeys& keys, std::string_view name, std::string_view signature,
                             std::string_view body) {
  if (!signature.starts_with(kPrefix) || signature.size() != kPrefix.size() + 64)
    return refused(fmt::format("{} is not sha256= and 64 hex digits", name));
  signature.remove_prefix(kPrefix.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Sha256 digest = keys.all()[i].text.of({body});
    if (same(signature, as_view(hex_of(digest))))
      return HookSigned{i, name_of(digest), std::nullopt};
  }
  return refused(fmt::format("{} is not this body's under any key", name));
}

Result<HookSigned> check_standard(HookKeys& keys, const HttpRequest& request,
                                  std::string_view signatures, std::int64_t now_s,
                                  std::int64_t tolerance_s) {
  if (request.header_count("webhook-id") != 1 || request.header_count("webhook-timestamp") != 1)
    return refused("webhook-signature needs one webhook-id and one webhook-timestamp");
  const std::string_view id = *request.header("webhook-id");
  const std::string_view at = *request.header("webhook-timestamp");
  if (!may_be_id(id)) return refused("webhook-id is not 1 to 256 letters, digits, _ - . :");
  std::int64_t signed_s = 0;
  const auto [end, wrong] = std::from_chars(at.data(), at.data() + at.size(), signed_s);
  if (wrong != std::errc() || end != at.data() + at.size() || at.size() > 12 || signed_s < 0)
    return refused("webhook-timestamp is not seconds since 1970");
  if (signed_s < now_s - tolerance_s || signed_s > now_s + tolerance_s)
    return refused(
        fmt::format("webhook-timestamp is {} s off, more than {}", now_s - signed_s, tolerance_s));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    HookKeys::Key& key = keys.all()[i];
    const Sha256 digest =
        (key.decoded ? *key.decoded : key.text).of({id, ".", at, ".", as_text(request.body)});
    const std::string wanted = "v1," + base64_of(digest);
    std::size_t count = 0;
    for (std::string_view rest = signatures; !rest.empty() && count < kSignaturesMax; ++count) {
      const std::string_view each = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(each.size() + 1, rest.size()));
      // The id names the message, whatever is in it: a repetition has a new time and signature.
      if (same(each, wanted))
        return HookSigned{i, name_of(keys.all()[0].text.of({"id ", id})), signed_s};
    }
  }
  return refused("webhook-signature is not this message's under any key");
}

}  // namespace

/// SHA-256 after its first block, the key under either pad: what a message costs is its own bytes.
struct Hmac::Context {
  SHA256_CTX inner, outer;
  ~Context() { OPENSSL_cleanse(this, sizeof *this); }
};

Hmac::Hmac(std::string_view key) : context_(std::make_unique<Context>()) {
  std::array<std::uint8_t, SHA256_CBLOCK> block{};
  if (key.size() > block.size())
    SHA256(reinterpret_cast<const std::uint8_t*>(key.data()), key.size(), block.data());
  else
    std::ranges::copy(key, block.begin());
  const auto begin = [&](SHA256_CTX& context, std::uint8_t pad) {
    for (std::uint8_t& byte : block) byte ^= pad;
    SHA256_Init(&context);
    SHA256_Update(&context, block.data(), block.size());
  };
  begin(context_->inner, 0x36);
  begin(context_->outer, 0x36 ^ 0x5c);
  OPENSSL_cleanse(block.data(), block.size());
}
Hmac::~Hmac() = default;
Hmac::Hmac(Hmac&&) noexcept = default;
Hmac& Hmac::operator=(Hmac&&) noexcept = default;

Sha256 Hmac::of(std::initializer_list<std::string_view> parts) {
  Sha256 digest;
  SHA256_CTX context = context_->inner;
  for (const std::string_view part : parts) SHA256_Update(&context, part.data(), part.size());
  SHA256_Final(digest.data(), &context);
  context = context_->outer;
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

Result<HookKeys> HookKeys::make(const std::vector<std::string>& secrets) {
  const auto usage = [](std::string message) {
    return Error{.code = ErrorCode::kUsage,
                 .message = std::move(message),
                 .hint = "set HOOK_SECRET, or name a file of secrets with --hook-secret-file"};
  };
  if (secrets.empty()) return usage("the webhook needs a secret, and there is none");
  HookKeys keys;
  for (const std::string& secret : secrets) {
    if (secret.find_first_not_of(" \t\r\n") == std::string::npos)
      return usage("the webhook's secret is empty");
    Key key{Hmac(secret), std::nullopt};
    if (secret.starts_with(kSecretPrefix)) {
      const auto decoded = from_base64(std::string_view(secret).substr(kSecretPrefix.size()));
      if (!decoded || decoded->empty())
        return usage("a secret that begins with whsec_ goes on in base64");
      key.decoded.emplace(*decoded);
    }
    keys.keys_.push_back(std::move(key));
  }
  return keys;
}

Result<std::vector<std::string>> read_hook_secrets(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return Error{.code = ErrorCode::kUsage, .message = fmt::format("{} cannot be read", path)};
  std::vector<std::string> secrets;
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) secrets.push_back(line);
  }
  return secrets;
}

Result<HookSigned> check_signature(HookKeys& keys, const HttpRequest& request, std::int64_t now_s,
                                   std::int64_t tolerance_s) {
  std::optional<HookSigned> who;
  const auto holds = [&](Result<HookSigned> one) -> std::optional<Error> {
    if (!one) return std::move(one).error();
    if (who && who->key != one->key) return refused("two styles are signed under different keys");
    if (!who || one->signed_s) who = *one;
    return std::nullopt;
  };
  for (const std::string_view name : {"x-npm-signature", "x-hub-signature-256"}) {
    const std::size_t count = request.header_count(name);
    if (count > 1) return refused(fmt::format("{} stands there twice", name));
    if (count == 1)
      if (auto wrong = holds(check_hex(keys, name, *request.header(name), as_text(request.body))))
        return std::move(*wrong);
  }
  const std::size_t count = request.header_count("webhook-signature");
  if (count > 1) return refused("webhook-signature stands there twice");
  if (count == 1)
    if (auto wrong = holds(check_standard(keys, request, *request.header("webhook-signature"),
                                          now_s, tolerance_s)))
      return std::move(*wrong);
  if (!who)
    return refused("it is not signed: x-npm-signature, x-hub-signature-256 or webhook-signature");
  return *who;
}

std::string hex_signature(Hmac& key, std::string_view body) {
  return std::string(kPrefix).append(as_view(hex_of(key.of({body}))));
}

}  // namespace ds
