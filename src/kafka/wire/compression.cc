#include "kafka/wire/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <iterator>
#include <memory>

namespace ds::kafka {
namespace {

constexpr std::string_view kNames[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::size_t kStep = 64u << 10;  // by which output of unknown size grows at first

Error broken(std::string_view codec, std::string_view why) {
  return Error{.code = ErrorCode::kCorrupt,
               .message = fmt::format("the {} block is broken: {}", codec, why)};
}
Error too_large(std::string_view codec, std::size_t max) {
  return Error{.code = ErrorCode::kCorrupt,
               .message = fmt::format("the {} block holds more than {} bytes", codec, max)};
}

/// Grows `out` for a decoder that cannot tell its size: by what it has so far, at most to `end`.
/// False when it is at `end` already.
bool grow(ByteVec& out, std::size_t start, std::size_t end) {
  if (out.size() >= end) return false;
  const std::size_t have = out.size() - start;
  out.resize(std::min(end, out.size() + std::max(kStep, have)));
  return true;
}

// ---- gzip

Status gzip(int level, ByteView plain, ByteVec& out) {
  z_stream stream{};
  constexpr int kGzipFrame = 15 + 16;
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipFrame, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return Error{.message = "zlib has no memory left"};
  const std::size_t start = out.size();
  out.resize(start + deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data() + start;
  stream.avail_out = static_cast<uInt>(out.size() - start);
  const int state = deflate(&stream, Z_FINISH);
  out.resize(start + stream.total_out);
  deflateEnd(&stream);
  if (state != Z_STREAM_END) return Error{.message = "zlib could not finish a block"};
  return Done{};
}

Status gunzip(ByteView packed, std::size_t max, ByteVec& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return Error{.message = "zlib has no memory left"};
  const std::unique_ptr<z_stream, int (*)(z_streamp)> closing(&stream, inflateEnd);
  const std::size_t start = out.size();
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  std::size_t at = start;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    // One byte past the limit shows that it was crossed.
    if (at == out.size() && !grow(out, start, start + max + 1)) return too_large("gzip", max);
    stream.next_out = out.data() + at;
    stream.avail_out = static_cast<uInt>(out.size() - at);
    state = inflate(&stream, Z_NO_FLUSH);
    at = out.size() - stream.avail_out;
    if (state != Z_OK && state != Z_STREAM_END)
      return broken("gzip", stream.msg != nullptr ? stream.msg : "it is cut short");
  }
  out.resize(at);
  if (at - start > max) return too_large("gzip", max);
  if (stream.avail_in > 0) return broken("gzip", "something follows it");
  return Done{};
}

// ---- snappy
//
// As xerial's Java library frames it: 82 'SNAPPY' 00, version 1 and least version 1 (int32 each),
// then blocks of at most 32 KiB plain, each behind its packed length (int32, big-endian).

constexpr std::uint8_t kXerialMagic[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t kXerialHeader = sizeof kXerialMagic + 8;
constexpr std::size_t kXerialBlock = 32u << 10;

Status snap(ByteView plain, ByteVec& out) {
  out.insert(out.end(), std::begin(kXerialMagic), std::end(kXerialMagic));
  const std::uint8_t versions[] = {0, 0, 0, 1, 0, 0, 0, 1};
  out.insert(out.end(), std::begin(versions), std::end(versions));
  while (!plain.empty()) {
    const ByteView block = plain.first(std::min(plain.size(), kXerialBlock));
    plain = plain.subspan(block.size());
    const std::size_t at = out.size();
    out.resize(at + 4 + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(as_text(block).data(), block.size(),
                        reinterpret_cast<char*>(out.data() + at + 4), &size);
    store_be(out.data() + at, static_cast<std::int32_t>(size));
    out.resize(at + 4 + size);
  }
  return Done{};
}

Status unsnap_block(ByteView block, std::size_t end, std::size_t max, ByteVec& out) {
  std::size_t size = 0;
  const std::string_view text = as_text(block);
  if (!snappy::GetUncompressedLength(text.data(), text.size(), &size))
    return broken("snappy", "it does not say its size");
  if (size > end - out.size()) return too_large("snappy", max);
  // A valid block grows at most 64 times a copy's three bytes: an incredible size is refused
  // before it costs memory.
  if (size / 64 > block.size()) return broken("snappy", "it claims an impossible size");
  const std::size_t at = out.size();
  out.resize(at + size);
  if (!snappy::RawUncompress(text.data(), text.size(), reinterpret_cast<char*>(out.data() + at)))
    return broken("snappy", "it does not decode");
  return Done{};
}

Status unsnap(ByteView packed, std::size_t max, ByteVec& out) {
  const std::size_t end = out.size() + max;
  const bool framed = packed.size() >= kXerialHeader &&
                      std::equal(std::begin(kXerialMagic), std::end(kXerialMagic), packed.begin());
  if (!framed) return unsnap_block(packed, end, max, out);
  packed = packed.subspan(kXerialHeader);
  while (!packed.empty()) {
    if (packed.size() < 4) return broken("snappy", "a frame is cut short");
    const auto size = load_be<std::uint32_t>(packed.data());
    packed = packed.subspan(4);
    if (size > packed.size()) return broken("snappy", "a frame is cut short");
    if (Status block = unsnap_block(packed.first(size), end, max, out); !block) return block;
    packed = packed.subspan(size);
  }
  return Done{};
}

// ---- lz4, in its frame format

Status lz4(int level, ByteView plain, ByteVec& out) {
  LZ4F_preferences_t preferences{};
  preferences.compressionLevel = level;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Kafka's own reader takes no other
  const std::size_t start = out.size();
  out.resize(start + LZ4F_compressFrameBound(plain.size(), &preferences));
  const std::size_t size = LZ4F_compressFrame(out.data() + start, out.size() - start, plain.data(),
                                              plain.size(), &preferences);
  out.resize(start + (LZ4F_isError(size) != 0u ? 0 : size));
  if (LZ4F_isError(size) != 0u)
    return Error{.message = fmt::format("lz4: {}", LZ4F_getErrorName(size))};
  return Done{};
}

Status unlz4(ByteView packed, std::size_t max, ByteVec& out) {
  LZ4F_dctx* made = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) != 0u)
    return Error{.message = "lz4 has no memory left"};
  const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
      made, LZ4F_freeDecompressionContext);
  const std::size_t start = out.size();
  std::size_t at = start;
  for (std::size_t hint = 1; hint != 0;) {
    if (at == out.size() && !grow(out, start, start + max + 1)) return too_large("lz4", max);
    std::size_t room = out.size() - at;
    std::size_t taken = packed.size();
    hint = LZ4F_decompress(context.get(), out.data() + at, &room, packed.data(), &taken, nullptr);
    if (LZ4F_isError(hint) != 0u) return broken("lz4", LZ4F_getErrorName(hint));
    if (hint != 0 && room == 0 && taken == 0) return broken("lz4", "it is cut short");
    at += room;
    packed = packed.subspan(taken);
  }
  out.resize(at);
  if (at - start > max) return too_large("lz4", max);
  if (!packed.empty()) return broken("lz4", "something follows it");
  return Done{};
}

// ---- zstd

Status zstd(int level, ByteView plain, ByteVec& out) {
  const std::size_t start = out.size();
  out.resize(start + ZSTD_compressBound(plain.size()));
  const std::size_t size =
      ZSTD_compress(out.data() + start, out.size() - start, plain.data(), plain.size(), level);
  out.resize(start + (ZSTD_isError(size) != 0u ? 0 : size));
  if (ZSTD_isError(size) != 0u)
    return Error{.message = fmt::format("zstd: {}", ZSTD_getErrorName(size))};
  return Done{};
}

Status unzstd(ByteView packed, std::size_t max, ByteVec& out) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                        ZSTD_freeDCtx);
  if (context == nullptr) return Error{.message = "zstd has no memory left"};
  const std::size_t start = out.size();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::size_t at = start;
  for (std::size_t hint = 1; hint != 0;) {
    if (at == out.size() && !grow(out, start, start + max + 1)) return too_large("zstd", max);
    ZSTD_outBuffer to{out.data(), out.size(), at};
    const std::size_t read_before = in.pos;
    hint = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(hint) != 0u) return broken("zstd", ZSTD_getErrorName(hint));
    if (hint != 0 && to.pos == at && in.pos == read_before && in.pos == in.size)
      return broken("zstd", "it is cut short");
    at = to.pos;
  }
  out.resize(at);
  if (at - start > max) return too_large("zstd", max);
  if (in.pos != in.size) return broken("zstd", "something follows it");
  return Done{};
}

}  // namespace

std::string_view name_of(Compression codec) {
  const auto number = static_cast<std::size_t>(codec);
  return number < std::size(kNames) ? kNames[number] : "unknown";
}

std::optional<Compression> compression_named(std::string_view name) {
  const auto* at = std::ranges::find(kNames, name);
  if (at == std::end(kNames)) return std::nullopt;
  return static_cast<Compression>(at - std::begin(kNames));
}

Levels levels_of(Compression codec) {
  switch (codec) {
    case Compression::kGzip:
      return {1, 9};
    case Compression::kLz4:
      return {1, LZ4F_compressionLevel_max()};
    case Compression::kZstd:
      return {1, ZSTD_maxCLevel()};
    default:
      return {0, 0};
  }
}

Status compress(Compression codec, int level, ByteView plain, ByteVec& out) {
  const bool is_default = level == kDefaultLevel;
  const auto [min, max] = levels_of(codec);
  if (!is_default && (level < min || level > max))
    return Error{.code = ErrorCode::kUsage,
                 .message = fmt::format("{} has no compression level {}", name_of(codec), level),
                 .hint = fmt::format("its levels are {} to {}", min, max)};
  switch (codec) {
    case Compression::kNone:
      out.insert(out.end(), plain.begin(), plain.end());
      return Done{};
    case Compression::kGzip:
      return gzip(is_default ? 6 : level, plain, out);
    case Compression::kSnappy:
      return snap(plain, out);
    case Compression::kLz4:
      return lz4(is_default ? 0 : level, plain, out);
    case Compression::kZstd:
      return zstd(is_default ? 3 : level, plain, out);
  }
  return Error{.code = ErrorCode::kUsage, .message = "no such compression codec"};
}

Status decompress(Compression codec, ByteView packed, std::size_t bytes_max, ByteVec& out) {
  switch (codec) {
    case Compression::kNone:
      if (packed.size() > bytes_max) return too_large("uncompressed", bytes_max);
      out.insert(out.end(), packed.begin(), packed.end());
      return Done{};
    case Compression::kGzip:
      return gunzip(packed, bytes_max, out);
    case Compression::kSnappy:
      return unsnap(packed, bytes_max, out);
    case Compression::kLz4:
      return unlz4(packed, bytes_max, out);
    case Compression::kZstd:
      return unzstd(packed, bytes_max, out);
  }
  return broken("unknown", "no such codec");
}

}  // namespace ds::kafka
