#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ds {
namespace {

// What TLS holds for a socket that is full; more is not taken from the caller.
constexpr std::size_t kOutgoingMax = 256 << 10;

std::string openssl_reason() {
  const auto code = ERR_peek_last_error();
  if (code == 0) return "unknown reason";
  const char* const reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("OpenSSL error {:x}", code);
}

/// What a failed check of the peer's certificate means, and what helps.
Error certificate_error(long verdict, const std::string& host) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {ErrorCode::kRefused,
              fmt::format("the server's certificate is not valid for {}", host),
              "use the name that is in the certificate"};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {ErrorCode::kRefused, "the other side's certificate has expired",
              "renew it, or check this machine's clock"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {ErrorCode::kRefused, "the other side's certificate is not valid yet",
              "check this machine's clock"};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // an authority of the same name, made anew
      return {ErrorCode::kRefused, "the other side's certificate is of an unknown authority",
              "give the file of the authority that signed it"};
    default:
      return {ErrorCode::kRefused, fmt::format("the other side's certificate is refused: {}",
                                               X509_verify_cert_error_string(verdict))};
  }
}

/// The last error of the thread's queue in words; `verdict` is SSL_get_verify_result's.
Error tls_error(long verdict, const std::string& host) {
  const auto code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) return certificate_error(verdict, host);
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {ErrorCode::kRefused, "the client shows no certificate, and one is required"};
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return {ErrorCode::kRefused, "the other side does not trust our certificate",
              "check that it knows the authority that signed it"};
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return {ErrorCode::kRefused, "the other side refused the TLS handshake",
              "it may require a client certificate"};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return {ErrorCode::kProtocol, "the other side does not speak TLS",
              "check the port, or switch TLS off"};
    default:
      return {ErrorCode::kProtocol, fmt::format("TLS failed: {}", openssl_reason())};
  }
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL and hands a full socket back to the caller
// as "repeat exactly this write". So what OpenSSL writes goes into a buffer of ours, and what it
// reads comes straight from the socket.
struct Wire {
  int fd = -1;
  std::string outgoing;
  std::size_t sent = 0;
  int error = 0;       // errno
  bool ended = false;  // the peer closed the socket

  std::size_t waiting() const { return outgoing.size() - sent; }

  /// Sends what it can; false when the socket is broken.
  bool flush() {
    while (waiting() > 0) {
      const auto n = send(fd, outgoing.data() + sent, waiting(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return true;
      if (n < 0) return error = errno, false;
      sent += static_cast<std::size_t>(n);
    }
    outgoing.clear();
    sent = 0;
    return true;
  }
};

int wire_write(BIO* bio, const char* bytes, int count) {
  static_cast<Wire*>(BIO_get_data(bio))->outgoing.append(bytes, static_cast<std::size_t>(count));
  return count;
}

int wire_read(BIO* bio, char* into, int count) {
  Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  while (true) {
    const auto n = recv(wire.fd, into, static_cast<std::size_t>(count), 0);
    if (n > 0) return static_cast<int>(n);
    if (n == 0) return wire.ended = true, 0;
    if (errno == EINTR) continue;
    if (errno == EAGAIN)
      BIO_set_retry_read(bio);
    else
      wire.error = errno;
    return -1;
  }
}

long wire_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return static_cast<Wire*>(BIO_get_data(bio))->ended ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* make_wire_bio(Wire& wire) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  check(bio, "OpenSSL is out of memory");
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::shared_ptr<SSL_CTX> context, Fd socket, std::string host)
      : context_(std::move(context)), socket_(std::move(socket)), host_(std::move(host)) {
    wire_.fd = socket_.get();
    ssl_ = SSL_new(context_.get());
    check(ssl_, "OpenSSL is out of memory");
    BIO* const bio = make_wire_bio(wire_);
    SSL_set_bio(ssl_, bio, bio);
  }
  ~TlsTransport() override { SSL_free(ssl_); }

  void be_server() { SSL_set_accept_state(ssl_); }
  void be_client(bool verify_host) {
    SSL_set_connect_state(ssl_);
    in_addr v4;
    in6_addr v6;
    const bool is_ip =
        inet_pton(AF_INET, host_.c_str(), &v4) == 1 || inet_pton(AF_INET6, host_.c_str(), &v6) == 1;
    if (!is_ip) SSL_set_tlsext_host_name(ssl_, host_.c_str());
    if (!verify_host) return;
    const int set = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host_.c_str())
                          : SSL_set1_host(ssl_, host_.c_str());
    check(set == 1, "OpenSSL does not take the name of the host");
  }

  int fd() const override { return socket_.get(); }
  bool wants_write() const override { return wire_.waiting() > 0; }
  std::string peer_name() const override {
    X509* const certificate = SSL_get0_peer_certificate(ssl_);
    if (!certificate || SSL_get_verify_result(ssl_) != X509_V_OK) return {};
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
    check(text != nullptr, "OpenSSL is out of memory");
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
  const Error& error() const override { return error_; }

  IoResult read(ByteSpan into) override {
    if (failed_) return {IoResult::Kind::kError};
    ERR_clear_error();
    // Many records with one system call; but not earlier, or a write that ends the handshake would
    // swallow what epoll should still tell the reader of.
    if (SSL_is_init_finished(ssl_)) SSL_set_read_ahead(ssl_, 1);
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_, into.data(), into.size(), &got);
    const IoResult result = done == 1 ? IoResult{IoResult::Kind::kBytes, got} : outcome(done);
    // The handshake's answers go out with the next write; most readers write at once, but one that
    // only reads must not wait for ever.
    if (result.ok() && !wire_.flush()) return broken(SSL_ERROR_SYSCALL);
    return result;
  }

  IoResult write(std::span<const iovec> pieces) override {
    if (failed_) return {IoResult::Kind::kError};
    if (!wire_.flush()) return broken(SSL_ERROR_SYSCALL);
    ERR_clear_error();
    if (!SSL_is_init_finished(ssl_)) {
      const int done = SSL_do_handshake(ssl_);
      wire_.flush();  // an alert for the peer too, before we fail
      if (done != 1) return outcome(done);
    }
    std::size_t taken = 0;
    for (const iovec& each : pieces) {
      std::size_t at = 0;
      while (at < each.iov_len) {
        if (wire_.waiting() >= kOutgoingMax && !wire_.flush()) return broken(SSL_ERROR_SYSCALL);
        if (wire_.waiting() >= kOutgoingMax) break;  // so wants_write() whenever some is left over
        std::size_t put = 0;
        const std::size_t share = std::min<std::size_t>(each.iov_len - at, kOutgoingMax);
        const int done = SSL_write_ex(ssl_, static_cast<char*>(each.iov_base) + at, share, &put);
        if (done != 1) return outcome(done);
        at += put;
      }
      taken += at;
      if (at < each.iov_len) break;
    }
    if (!wire_.flush()) return broken(SSL_ERROR_SYSCALL);
    if (taken == 0) return {IoResult::Kind::kWouldBlock};
    return {IoResult::Kind::kBytes, taken};
  }

  void shutdown() override {
    if (!failed_ && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
    wire_.flush();
    ::shutdown(socket_.get(), SHUT_WR);
  }

 private:
  IoResult outcome(int done) {
    const int what = SSL_get_error(ssl_, done);
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE)
      return {IoResult::Kind::kWouldBlock};
    if (what == SSL_ERROR_ZERO_RETURN) return {IoResult::Kind::kClosed};
    return broken(what);
  }

  IoResult broken(int what) {
    failed_ = true;
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (wire_.error != 0) {
      error_ = {.code = ErrorCode::kUnreachable,
                .message = fmt::format("the connection broke: {}", strerror(wire_.error)),
                .system = wire_.error};
    } else if (wire_.ended &&
               (what == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
      // Without its close_notify nobody knows whether the peer, or somebody between, ended it.
      error_ = {.code = ErrorCode::kProtocol,
                .message = "the other side cut the TLS connection without a goodbye"};
    } else {
      error_ = tls_error(SSL_get_verify_result(ssl_), host_);
    }
    wire_.flush();  // the alert that tells the peer why; this is all that we can do
    return {IoResult::Kind::kError};
  }

  std::shared_ptr<SSL_CTX> context_;
  Fd socket_;
  std::string host_;
  Wire wire_;
  SSL* ssl_ = nullptr;
  bool failed_ = false;
  Error error_;
};

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  check(context != nullptr, "OpenSSL is out of memory");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_read_buffer_len(context.get(), 64 << 10);
  return context;
}

Error file_refused(std::string_view what, const std::string& file) {
  return Error{.code = ErrorCode::kUsage,
               .message = fmt::format("cannot use {} as {}: {}", file, what, openssl_reason()),
               .hint = "it must be a readable PEM file"};
}

Status load_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return file_refused("certificate", certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
      return file_refused("private key", key);
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("the key {} does not belong to the certificate {}", key,
                                        certificate)};
  }
  return Done{};
}

Status load_authorities(SSL_CTX* context, const std::string& file) {
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
    return file_refused("certificate authority", file);
  return Done{};
}

}  // namespace

Result<TlsContext> TlsContext::client(const TlsClientSettings& settings) {
  auto context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (settings.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (auto loaded = load_authorities(context.get(), settings.ca_file); !loaded) {
    return std::move(loaded).error();
  }
  if (!settings.certificate_file.empty()) {
    auto loaded = load_certificate(context.get(), settings.certificate_file, settings.key_file);
    if (!loaded) return std::move(loaded).error();
  }
  return TlsContext(std::move(context), settings.verify_host);
}

Result<TlsContext> TlsContext::server(const TlsServerSettings& settings) {
  auto context = make_context(TLS_server_method());
  auto loaded = load_certificate(context.get(), settings.certificate_file, settings.key_file);
  if (!loaded) return std::move(loaded).error();
  if (!settings.client_ca_file.empty()) {
    loaded = load_authorities(context.get(), settings.client_ca_file);
    if (!loaded) return std::move(loaded).error();
    SSL_CTX_set_client_CA_list(context.get(),
                               SSL_load_client_CA_file(settings.client_ca_file.c_str()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return TlsContext(std::move(context), false);
}

std::unique_ptr<Transport> TlsContext::connect(Fd socket, const std::string& host) const {
  auto transport = std::make_unique<TlsTransport>(context_, std::move(socket), host);
  transport->be_client(verify_host_);
  return transport;
}

std::unique_ptr<Transport> TlsContext::accept(Fd socket) const {
  auto transport = std::make_unique<TlsTransport>(context_, std::move(socket), "");
  transport->be_server();
  return transport;
}

}  // namespace ds
