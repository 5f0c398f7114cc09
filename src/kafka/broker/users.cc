#include "kafka/broker/users.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace ds::kafka::broker {
namespace {

constexpr int kIterationsMax = 1'000'000;

std::string_view mechanism_of(Digest digest) {
  return digest == Digest::kSha512 ? "SCRAM-SHA-512" : "SCRAM-SHA-256";
}

Credential salted(Digest digest, std::string_view password, std::string salt, int iterations) {
  const std::string key = salted_password(digest, password, salt, iterations);
  return {.iterations = iterations,
          .salt = std::move(salt),
          .stored_key = hash(digest, hmac(digest, key, "Client Key")),
          .server_key = hmac(digest, key, "Server Key")};
}

/// Reads what stands behind the name; nothing when it is no credential.
std::optional<std::pair<Digest, Credential>> parse_credential(std::istringstream& line) {
  std::string mechanism, salt, stored, server, more;
  int iterations = 0;
  if (!(line >> mechanism >> iterations >> salt >> stored >> server) || line >> more)
    return std::nullopt;
  const Digest digest =
      mechanism == mechanism_of(Digest::kSha512) ? Digest::kSha512 : Digest::kSha256;
  const std::size_t size = digest == Digest::kSha512 ? 64 : 32;
  const auto salt_bytes = from_base64(salt), stored_bytes = from_base64(stored),
             server_bytes = from_base64(server);
  if (mechanism != mechanism_of(digest) || iterations < 1 || iterations > kIterationsMax ||
      !salt_bytes || !stored_bytes || !server_bytes || stored_bytes->size() != size ||
      server_bytes->size() != size)
    return std::nullopt;
  return std::pair{digest, Credential{iterations, *salt_bytes, *stored_bytes, *server_bytes}};
}

}  // namespace

Result<Users> Users::parse(std::string_view text, const std::string& path) {
  Users users;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string name;
    if (!(words >> name) || name.starts_with('#')) continue;
    const auto credential = parse_credential(words);
    if (!credential)  // the line is not quoted: it may hold a password
      return Error{
          .code = ErrorCode::kUsage,
          .message = fmt::format("{}:{}: this is no user with a salted password", path, number),
          .hint = fmt::format("datastorm user add NAME --users {}", path)};
    users.users_[name].insert_or_assign(credential->first, credential->second);
  }
  return users;
}

std::string Users::to_text() const {
  std::string text =
      "# Users of a DataStorm broker: name, mechanism, iterations, salt, stored key, server key.\n";
  for (const auto& [name, credentials] : users_)
    for (const auto& [digest, each] : credentials)
      text +=
          fmt::format("{} {} {} {} {} {}\n", name, mechanism_of(digest), each.iterations,
                      to_base64(each.salt), to_base64(each.stored_key), to_base64(each.server_key));
  return text;
}

Status Users::set(const std::string& name, std::string_view password) {
  const auto bad = [](unsigned char c) { return c <= ' ' || c == 127; };
  if (name.empty() || name.starts_with('#') || std::any_of(name.begin(), name.end(), bad))
    return Error{ErrorCode::kUsage, "a user's name is not empty and has no blanks"};
  if (password.empty() || password.find('\0') != password.npos)
    return Error{ErrorCode::kUsage, fmt::format("the password of {} is empty", name)};
  Credentials credentials;
  for (const Digest digest : {Digest::kSha256, Digest::kSha512})
    credentials[digest] = salted(digest, password, random_bytes(24), kIterations);
  users_.insert_or_assign(name, std::move(credentials));
  return Done{};
}

std::vector<std::string> Users::names() const {
  std::vector<std::string> names;
  for (const auto& [name, credentials] : users_) names.push_back(name);
  return names;
}

Credential Users::credential(std::string_view name, Digest digest) const {
  if (const auto user = users_.find(name); user != users_.end())
    if (const auto found = user->second.find(digest); found != user->second.end())
      return found->second;
  // Keys of nobody: what is drawn for them is not the key of any password.
  const std::string salt = hmac(Digest::kSha256, pepper_, name).substr(0, 24);
  return {kIterations, salt, hmac(digest, pepper_, "stored"), hmac(digest, pepper_, "server")};
}

bool Users::is_password(std::string_view name, std::string_view password) const {
  const auto user = users_.find(name);
  const Digest digest = user != users_.end() && !user->second.contains(Digest::kSha256)
                            ? Digest::kSha512
                            : Digest::kSha256;
  const Credential known = credential(name, digest);
  const Credential tried = salted(digest, password, known.salt, known.iterations);
  return equal_in_constant_time(known.stored_key, tried.stored_key);
}

PasswordDesk::PasswordDesk(const Users& users)
    : users_(users), thread_([this](std::stop_token stop) { run(stop); }) {}

PasswordDesk::~PasswordDesk() {
  thread_.request_stop();
  thread_.join();
}

bool PasswordDesk::check(std::string name, std::string password, std::function<void(bool)> done) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= kWaitingMax) return false;
  waiting_.push_back({std::move(name), std::move(password), std::move(done)});
  wake_.notify_one();
  return true;
}

void PasswordDesk::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
    const Question question = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    lock.unlock();
    question.done(users_.is_password(question.name, question.password));
    lock.lock();
    if (stop.stop_requested()) return;
  }
}

}  // namespace ds::kafka::broker
