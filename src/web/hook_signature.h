// Who signed a webhook's request: three styles, one secret.
//
//   x-npm-signature: sha256=<hex of HMAC-SHA256(secret, body)>
//   X-Hub-Signature-256: sha256=<the same>                                  as GitHub sends it
//   webhook-id, webhook-timestamp, webhook-signature: v1,<base64> …         Standard Webhooks 1.0:
//     HMAC-SHA256 over "id.timestamp.body"; a secret "whsec_<base64>" is decoded for it
//
// A request may carry several styles; then each must hold. Each header may stand there once.
// Signatures are compared as text, so that exactly one spelling of each is right.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace ds {

using Sha256 = std::array<std::uint8_t, 32>;

/// HMAC-SHA256 under one key, many times. Threads: one. Cost: 0.4 µs and the bytes at 1.3 GB/s.
class Hmac {
 public:
  explicit Hmac(std::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;

  Sha256 of(std::initializer_list<std::string_view> parts);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The secrets that are right now: several while one replaces another.
/// Threads: one.
class HookKeys {
 public:
  /// Refuses no secret, an empty one, and "whsec_" before what is not base64.
  static Result<HookKeys> make(const std::vector<std::string>& secrets);

  struct Key {
    Hmac text;                    // under the secret's bytes
    std::optional<Hmac> decoded;  // under what whsec_ encodes
  };
  std::vector<Key>& all() { return keys_; }
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<Key> keys_;
};

/// The secrets of a file: one a line, empty lines passed over.
Result<std::vector<std::string>> read_hook_secrets(const std::string& path);

struct HookSigned {
  std::size_t key = 0;                   // which one
  std::uint64_t message = 0;             // names the message: of its id, else of its signature
  std::optional<std::int64_t> signed_s;  // when, if the style says so
};

/// Who signed it, or why not in one sentence. `tolerance_s` is how far the sender's clock may be
/// off, to both sides.
Result<HookSigned> check_signature(HookKeys& keys, const HttpRequest& request, std::int64_t now_s,
                                   std::int64_t tolerance_s);

/// For senders: "sha256=<hex>" of the body.
std::string hex_signature(Hmac& key, std::string_view body);

}  // namespace ds
