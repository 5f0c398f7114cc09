// Payloads that are bytes to us: `random:N` and `file:PATH`. A pool of values is made once; a
// record is one of them, chosen by (seed, record number), with its identity in the header `ds-id`,
// so that no two records of a run are equal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "storm/filler.h"

namespace ds {

/// Values that every worker shares and nobody changes.
using ValuePool = std::shared_ptr<const std::vector<ByteVec>>;

/// `count` values of `size` bytes, of which the share `compressible` (0…1) is one repeated byte.
ValuePool random_values(std::size_t size, double compressible, std::size_t count,
                        std::uint64_t seed);
/// The file's lines; an empty or unreadable file is an error.
Result<ValuePool> file_values(const std::string& path);

struct PooledFillerSettings {
  std::uint64_t run = 0;
  std::uint64_t seed = 1;
  std::uint64_t batch_size = 8000;
  std::uint32_t streams = 64;
};

/// Cost: a copy of the value and some 40 bytes around it a record.
class PooledFiller final : public Filler {
 public:
  PooledFiller(const PooledFillerSettings& settings, ValuePool values);
  Filled fill(const FillRequest& request, ByteSpan into) override;

 private:
  const PooledFillerSettings settings_;
  const ValuePool values_;
  std::vector<std::uint64_t> contents_;  // content_hash() of each
  KindSum sum_;
};

}  // namespace ds
