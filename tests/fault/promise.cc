#include "promise.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

namespace ds::fault {
namespace {

constexpr std::int64_t kShownMax = 10;

const char* given(int argc, char** argv, const char* option, const char* variable = nullptr) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], option) == 0) return argv[i + 1];
  const char* value = variable ? std::getenv(variable) : nullptr;
  return value && *value ? value : nullptr;
}

std::string json_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

Promise::Promise(int argc, char** argv, Stated stated) : stated_(std::move(stated)) {
  const char* seed = given(argc, argv, "--seed", "DATASTORM_SEED");
  seed_ = seed ? std::strtoull(seed, nullptr, 10) : std::random_device{}() % 1'000'000'000;
  if (const char* scale = given(argc, argv, "--scale", "DATASTORM_FAULT_SCALE"))
    scale_ = std::strtod(scale, nullptr);
  if (const char* world = given(argc, argv, "--world")) {
    world_ = std::strtoull(world, nullptr, 10);
    stated_.faults = 0;
  }
  began_ = clock_.now();
  fmt::print("{}: {}\n  SEED={} scale {}\n", stated_.promise, stated_.check, seed_, scale_);
  std::fflush(stdout);
}

std::int64_t Promise::scaled(std::int64_t stated) const {
  return stated == 0 ? 0 : std::max<std::int64_t>(1, std::llround(scale_ * double(stated)));
}

void Promise::zero(const std::string& name, std::int64_t count) {
  note(name, count);
  if (count == 0) return;
  ++wrongs_;
  why_ += fmt::format("{}{} {}", why_.empty() ? "" : "; ", name, count);
}

void Promise::wrong(const std::string& what) {
  if (++wrongs_ > kShownMax) return;
  fmt::print("  WRONG: {}\n", what);
  std::fflush(stdout);
  if (why_.empty()) why_ = what;
}

int Promise::end() {
  const double seconds = double(clock_.now() - began_) / double(kSecond);
  const std::int64_t faults_stated = scaled(stated_.faults);
  if (faults_ < faults_stated) {
    ++wrongs_;
    why_ += fmt::format("{}only {} of {} faults were injected", why_.empty() ? "" : "; ", faults_,
                        faults_stated);
  }
  const char* verdict = wrongs_ == 0 ? "holds" : "BROKEN";
  std::string counts, said;
  for (const auto& [name, count] : counts_) {
    counts += fmt::format("{}{}: {}", counts.empty() ? "" : ", ", json_text(name), count);
    said += fmt::format("{} {}, ", name, count);
  }
  fmt::print("{}: {}, seed {}, {}, faults {} of {}, {}{:.1f} s: {}{}\n", stated_.promise,
             stated_.check, seed_, size_, faults_, faults_stated, said, seconds, verdict,
             why_.empty() ? "" : " (" + why_ + ")");

  const char* folder = std::getenv("DATASTORM_FAULT_ROWS");
  if (!folder) return wrongs_ == 0 ? 0 : 1;
  std::filesystem::create_directories(folder);
  std::string name = stated_.promise + " " + stated_.check;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '-');
  const std::string beside = fmt::format("{}/{}.{}", folder, name, getpid());
  std::ofstream(beside) << fmt::format(
      "{{\"promise\": {}, \"check\": {}, \"seed\": {}, \"size\": {}, \"faults\": {}, "
      "\"faults_stated\": {}, \"counts\": {{{}}}, \"seconds\": {:.1f}, \"verdict\": \"{}\", "
      "\"why\": {}}}\n",
      json_text(stated_.promise), json_text(stated_.check), seed_, json_text(size_), faults_,
      faults_stated, counts, seconds, verdict, json_text(why_));
  std::filesystem::rename(beside, fmt::format("{}/{}.json", folder, name));
  return wrongs_ == 0 ? 0 : 1;
}

}  // namespace ds::fault
