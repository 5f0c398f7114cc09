// What passwords and signatures need, by OpenSSL: thin, over bytes in strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ds {

enum class Digest { kSha256, kSha512 };

std::string hash(Digest digest, std::string_view text);
std::string hmac(Digest digest, std::string_view key, std::string_view text);
/// PBKDF2. Cost: two hashes an iteration, some milliseconds for 4,096 of them.
std::string salted_password(Digest digest, std::string_view password, std::string_view salt,
                            int iterations);
/// As long as both are equally long, the time it takes tells nothing of where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);
/// From the system's source.
std::string random_bytes(std::size_t count);

std::string to_base64(std::string_view bytes);
/// Nothing for what is no base64 with its padding, and for an empty text.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace ds
