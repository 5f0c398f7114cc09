// Certificates for tests, made anew for each run: an authority and what it signs.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/check.h"

namespace ds {

/// A temporary folder with PEM files.
class TestCertificates {
 public:
  explicit TestCertificates(std::string authority = "authority") : name_(std::move(authority)) {
    std::string name = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    authority_ = make(name_, nullptr, "", 1, true);
  }
  ~TestCertificates() { std::filesystem::remove_all(folder_); }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  std::string authority() const { return certificate(name_); }
  std::string certificate(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }

  /// Signs a certificate valid for `names`, such as "DNS:localhost,IP:127.0.0.1", from a day before
  /// now until `days` after now.
  void sign(const std::string& name, const std::string& names, int days = 1) {
    make(name, &authority_, names, days, false);
  }

 private:
  struct Pair {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;
  };

  Pair make(const std::string& name, const Pair* issuer, const std::string& names, int days,
            bool is_authority) {
    Pair made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
    X509* const x = made.certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(x), -2 * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 24L * 3600);
    X509_set_pubkey(x, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const Pair& signer = issuer ? *issuer : made;
    X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
    if (is_authority) extend(x, NID_basic_constraints, "critical,CA:TRUE");
    if (!names.empty()) extend(x, NID_subject_alt_name, names);
    check(X509_sign(x, signer.key.get(), EVP_sha256()) > 0, "cannot sign a test certificate");
    write(certificate(name), [&](std::FILE* file) { return PEM_write_X509(file, x); });
    write(key(name), [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
  }

  static void extend(X509* x, int nid, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()), X509_EXTENSION_free);
    check(extension && X509_add_ext(x, extension.get(), -1) == 1, "bad extension in a test");
  }

  template <typename Writer>
  static void write(const std::string& path, Writer writer) {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    check(file && writer(file) == 1, "cannot write a test certificate");
    std::fclose(file);
  }

  std::string name_;
  std::string folder_;
  Pair authority_;
  int serial_ = 0;
};

}  // namespace ds
