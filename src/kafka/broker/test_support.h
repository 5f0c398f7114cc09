// What the broker's tests share: folders that go away, disks that fail, batches, and a client that
// blocks.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kafka/wire/codec.h"
#include "kafka/wire/record_batch.h"
#include "net/files.h"
#include "net/socket.h"
#include "net/transport.h"

namespace ds::kafka::broker {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "broker-XXXXXX").string();
    check(mkdtemp(name.data()) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A disk whose next writes or syncs fail as long as it is told so. Borrows `files`.
class BadDisk final : public Files {
 public:
  std::atomic<bool> writes_fail = false;
  std::atomic<bool> syncs_fail = false;

  explicit BadDisk(Files& files) : files_(files) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::unique_ptr<File>(std::make_unique<BadFile>(*this, std::move(*file)));
  }
  Status rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Status remove(const std::string& path) override { return files_.remove(path); }
  Status make_folder(const std::string& path) override { return files_.make_folder(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    return files_.list(folder);
  }
  Result<bool> exists(const std::string& path) override { return files_.exists(path); }
  Status sync_folder(const std::string& folder) override { return files_.sync_folder(folder); }

 private:
  class BadFile final : public File {
   public:
    BadFile(BadDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    const std::string& path() const override { return file_->path(); }
    Result<std::uint64_t> size() override { return file_->size(); }
    Result<std::size_t> read_at(ByteSpan into, std::uint64_t at) override {
      return file_->read_at(into, at);
    }
    Status write_at(ByteView bytes, std::uint64_t at) override {
      if (!disk_.writes_fail) return file_->write_at(bytes, at);
      (void)file_->write_at(bytes.first(bytes.size() / 2), at);  // a part of it came through
      return Error{ErrorCode::kStorage, "no space left"};
    }
    Status sync() override {
      if (disk_.syncs_fail) return Error{ErrorCode::kStorage, "input/output error"};
      return file_->sync();
    }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status reserve(std::uint64_t size) override { return file_->reserve(size); }

   private:
    BadDisk& disk_;
    std::unique_ptr<File> file_;
  };

  Files& files_;
};

struct BatchSpec {
  int records = 1;
  std::size_t value_bytes = 10;
  std::int64_t timestamp = 1'700'000'000'000;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t base_sequence = -1;
};

inline ByteVec make_batch(const BatchSpec& spec = {}) {
  RecordBatchBuilder builder({.producer_id = spec.producer_id,
                              .producer_epoch = spec.producer_epoch,
                              .base_sequence = spec.base_sequence});
  const ByteVec value(spec.value_bytes, 'v');
  for (int i = 0; i < spec.records; ++i)
    builder.add({.timestamp = spec.timestamp + i, .value = ByteView(value)});
  return builder.build().value();
}

/// Speaks to a broker as a client does: a request, then its answer.
class BlockingClient {
 public:
  explicit BlockingClient(const Address& address)
      : transport_(plain_transport(connect_tcp(address, kPatience).value())) {}

  void send(ByteView bytes) { ASSERT_TRUE(write_all(*transport_, bytes, kPatience)); }

  template <Message Request>
  void send(const Request& request, int version, std::int32_t correlation_id = 1) {
    send(encode_request(request, version, correlation_id, "test"));
  }

  /// The next frame without its length; empty when the broker has closed.
  ByteVec receive_frame() {
    ByteVec length = receive(4);
    if (length.empty()) return {};
    return receive(load_be<std::uint32_t>(length.data()));
  }

  /// The answer's correlation id, and its body. Lifetime: records point into this client.
  template <Message Response>
  Response receive(int version, std::int32_t correlation_id = 1) {
    frame_ = receive_frame();
    ByteView rest(frame_);
    const auto header = take_response_header(rest, Response::api, version);
    EXPECT_TRUE(header.ok()) << "the broker closed the connection";
    if (!header) return {};
    EXPECT_EQ(header->correlation_id, correlation_id);
    auto response = decode<Response>(rest, version);
    EXPECT_TRUE(response.ok()) << (response.ok() ? "" : response.error().message);
    return response.ok() ? *response : Response{};
  }

  template <Message Response, Message Request>
  Response ask(const Request& request, int version) {
    send(request, version);
    return receive<Response>(version);
  }

  bool closed_by_broker() { return receive(1).empty(); }

 private:
  static constexpr Nanos kPatience = 20 * kSecond;

  ByteVec receive(std::size_t size) {
    ByteVec bytes(size);
    for (std::size_t have = 0; have < size;) {
      const auto got = read_some(*transport_, ByteSpan(bytes).subspan(have), kPatience);
      if (!got || *got == 0) return {};
      have += *got;
    }
    return bytes;
  }

  std::unique_ptr<Transport> transport_;
  ByteVec frame_;
};

}  // namespace ds::kafka::broker
