// TLS 1.2 and 1.3 for transports, by OpenSSL.
//
//   auto tls = TlsContext::client({.ca_file = "ca.pem"});
//   auto transport = tls->connect(std::move(socket), "kafka-1.example");
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/transport.h"

struct ssl_ctx_st;

namespace ds {

struct TlsClientSettings {
  std::string ca_file;           // PEM; empty: the system's authorities
  std::string certificate_file;  // PEM, with key_file: shown to servers that ask; empty: none
  std::string key_file;
  bool verify_host = true;  // false trusts any certificate's name, never an unknown authority
};

struct TlsServerSettings {
  std::string certificate_file;  // PEM, the chain after it
  std::string key_file;
  std::string client_ca_file;  // when set, clients must show a certificate of this authority
};

/// Keys and trust, read once; connections share it.
/// Threads: connect() and accept() from any.
class TlsContext {
 public:
  static Result<TlsContext> client(const TlsClientSettings& settings);
  static Result<TlsContext> server(const TlsServerSettings& settings);

  /// `host` is the name or IP address that the certificate must be valid for.
  std::unique_ptr<Transport> connect(Fd socket, const std::string& host) const;
  std::unique_ptr<Transport> accept(Fd socket) const;

 private:
  explicit TlsContext(std::shared_ptr<ssl_ctx_st> context, bool verify_host)
      : context_(std::move(context)), verify_host_(verify_host) {}

  std::shared_ptr<ssl_ctx_st> context_;
  bool verify_host_;
};

}  // namespace ds
