#include "bench/own_program.h"

#include <signal.h>
#include <simdjson.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace ds {
namespace {

// Its input is nothing to it. A shell between would take signals for itself, so it becomes it.
constexpr char kRun[] = R"(exec </dev/null; exec setpriv --pdeathsig TERM "$@")";
constexpr auto kSampleEvery = std::chrono::milliseconds(20);

std::uint64_t anonymous_kib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8));
  return 0;
}

}  // namespace

std::string own_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

Result<std::unique_ptr<Part>> Part::start(const PartSettings& settings) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < settings.before.size();) {
    const std::size_t end = std::min(settings.before.find(' ', at), settings.before.size());
    words.push_back(settings.before.substr(at, end - at));
    at = end + 1;
  }
  words.push_back("env");
  words.insert(words.end(), settings.environment.begin(), settings.environment.end());
  words.push_back(own_program());
  words.insert(words.end(), settings.arguments.begin(), settings.arguments.end());
  auto child = Child::start(kRun, words);
  if (!child) return std::move(child).error();
  return std::unique_ptr<Part>(new Part(std::move(*child)));
}

Part::Part(std::unique_ptr<Child> child)
    : child_(std::move(child)),
      sampler_([this](std::stop_token stop) { sample_until_stopped(stop); }) {}

Part::~Part() {
  stop();
}

void Part::sample_until_stopped(std::stop_token stop) {
  while (!stop.stop_requested()) {
    rss_kib_ = std::max(rss_kib_.load(), anonymous_kib(child_->pid()));
    std::this_thread::sleep_for(kSampleEvery);
  }
}

Result<std::string> Part::told(const std::string& mark) {
  while (auto line = child_->read_line()) {
    last_line_ = *line;
    const std::size_t at = line->find(mark);
    if (at == std::string::npos) continue;
    const std::size_t from = at + mark.size();
    return line->substr(from, line->find_first_of(" ,\r", from) - from);
  }
  return Error{.message = fmt::format("it ended before it said '{}': {}", mark, last_line_)};
}

Part::Ended Part::finish() {
  while (auto line = child_->read_line())
    if (!line->empty()) last_line_ = *line;
  sampler_.request_stop();
  if (sampler_.joinable()) sampler_.join();  // before its number may be somebody else's
  const Child::Ended ended = child_->wait();
  return {ended.exit_code, ended.cpu_seconds, last_line_};
}

Part::Ended Part::stop() {
  child_->signal(SIGTERM);
  return finish();
}

void Part::kill() {
  child_->signal(SIGKILL);
  finish();
}

double Part::cpu_seconds() const {
  // After the name in brackets: state and ten numbers, then user and system time in ticks.
  std::ifstream stat(fmt::format("/proc/{}/stat", child_->pid()));
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

Result<std::unique_ptr<ServedBroker>> ServedBroker::start(const std::string& folder,
                                                          std::vector<std::string> more) {
  std::vector<std::string> arguments{"broker", "--listen", "127.0.0.1:0", "--data-dir", folder};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto part = Part::start({.arguments = std::move(arguments)});
  if (!part) return std::move(part).error();
  auto at = (*part)->told("broker ready at ");
  if (!at) return std::move(at).error().while_trying("start a broker");
  auto address = parse_address(*at);
  if (!address) return std::move(address).error();
  return std::unique_ptr<ServedBroker>(new ServedBroker(std::move(*part), std::move(*address)));
}

std::string joined(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += (text.empty() ? "" : ",") + address.to_string();
  return text;
}

Result<double> json_number(const std::string& line, std::string_view name) {
  simdjson::dom::parser parser;
  simdjson::dom::element at;
  if (parser.parse(line).get(at) != simdjson::SUCCESS)
    return Error{.message = fmt::format("this is no account: {}", line.substr(0, 200))};
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t end = std::min(name.find('.', from), name.size());
    if (at[name.substr(from, end - from)].get(at) != simdjson::SUCCESS)
      return Error{.message = fmt::format("an account has no '{}'", name)};
    from = end + 1;
  }
  double number = 0;
  if (at.get(number) != simdjson::SUCCESS)
    return Error{.message = fmt::format("'{}' of an account is no number", name)};
  return number;
}

}  // namespace ds
