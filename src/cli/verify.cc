// `datastorm verify`: what was claimed against what a store or a topic holds; exit 1 names the
// rest.
#include "ledger/verify.h"

#include <fmt/format.h>

#include <optional>

#include "base/json_writer.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/intake.h"
#include "cli/junit.h"
#include "cli/topic_stage.h"
#include "kafka/client/admin.h"
#include "ledger/exchange.h"
#include "ledger/stage_check.h"
#include "sink/dead_letters.h"
#include "sink/make_sink.h"
#include "sink/sqlite_reader.h"

namespace ds::cli {
namespace {

constexpr std::size_t kRangesShown = 20;

/// "  lost: stream 7 (partition 7), 8000 to 8003, at 2026-11-21 12:00:05Z; it is in the topic"
void print_finding(const Finding& finding, const std::string& of) {
  fmt::print("  {}: ", finding.what);
  if (finding.partition >= 0)
    fmt::print("stream {} (partition {}), {} to {}", finding.stream, finding.partition,
               finding.first, finding.last);
  else if (of == "producer")
    fmt::print("producer {}, {} to {}", finding.stream, finding.first, finding.last);
  if (finding.count != finding.last - finding.first + 1)
    fmt::print("{}{} of them", finding.partition >= 0 || of == "producer" ? ", " : "",
               with_commas(finding.count));
  if (!finding.window.empty()) fmt::print(", made for {}", finding.window);
  if (!finding.why.empty()) fmt::print("; {}", finding.why);
  fmt::print("\n");
}

/// A run that was killed in its first moment: nothing to hold anything against.
Status has_claims(const ClaimedRun& claimed) {
  if (!claimed.streams.empty() || claimed.run.ended_ms != 0) return Done{};
  return Error{.message = fmt::format("run {} has begun, but nothing is claimed of it yet",
                                      run_name(claimed.run.run)),
               .hint =
                   "verify it when its producer has had an answer; one that was killed before "
                   "that was told nothing"};
}

void print_verdict(const Verdict& verdict) {
  fmt::print("run {}, {}: {} expected, {} found\n", verdict.run, verdict.stage,
             with_commas(verdict.expected), with_commas(verdict.found));
  fmt::print("  lost {}  duplicated {}  disordered {}  corrupted {}", with_commas(verdict.lost),
             with_commas(verdict.duplicated), with_commas(verdict.disordered),
             with_commas(verdict.corrupted));
  fmt::print("\n");
  if (verdict.aborted > 0)
    fmt::print("  {} aborted with their transactions, {} of them to be seen\n",
               with_commas(verdict.aborted), with_commas(verdict.visible));
  if (verdict.unclaimed > 0)
    fmt::print("  {} beyond the last claim: the producer ended before it could claim them\n",
               with_commas(verdict.unclaimed));
  std::size_t shown = 0;
  for (const Finding& finding : verdict.ranges) {
    if (finding.what == "unclaimed") continue;  // said above; --json has the ranges
    if (++shown > kRangesShown) {
      fmt::print("  … and {} more ranges (--json has them)\n",
                 verdict.ranges.size() - kRangesShown);
      break;
    }
    print_finding(finding, verdict.of);
  }
  for (const std::string& words : verdict.not_shown) fmt::print("  not shown here: {}\n", words);
  fmt::print("{}\n", verdict.good() ? "every record is accounted for" : "it does not balance");
}

/// Where the lost ones are, as far as the cluster can tell.
void name_losses(kafka::Admin& admin, const TopicReading& cluster, const ClaimedRun& claimed,
                 Verdict& verdict) {
  const std::string& topic = claimed.run.topic;
  auto stage = topic_stage(admin, cluster, topic);
  auto held = stage ? hold_stage(*stage, claimed) : Result<Holdings>(stage.error());
  if (!held) {
    verdict.not_shown.push_back("whether the topic has what is lost: " + held.error().message);
    return;
  }
  name_stages(verdict, claimed, *held);
  const std::string letters = topic + std::string(kDeadLetterSuffix);
  auto refused = topic_stage(admin, cluster, letters);
  if (!refused) return;  // none were ever written
  if (auto of_them = hold_stage(*refused, claimed))
    name_dead_letters(verdict, claimed, *of_them, letters);
}

/// By the claims of the cluster when it is named, and where the store keeps none; then losses are
/// looked up in the topic, too.
Result<Verdict> verify_in_store(const std::string& sink, const SinkSettings& access,
                                const std::string& run, const TopicReading* cluster) {
  std::unique_ptr<StageReader> reader;
  std::optional<ClaimBook> book;
  if (const auto path = sqlite_path(sink)) {
    auto file = SqliteReader::open(*path);
    if (!file) return as_wrong_use(std::move(file).error());
    if (cluster == nullptr) {
      auto own = file->claims();
      if (!own) return std::move(own).error();
      book = std::move(*own);
    }
    reader = std::make_unique<SqliteReader>(std::move(*file));
  } else {
    auto store = make_reader(sink, access);
    if (!store) return std::move(store).error();
    reader = std::move(*store);
  }
  std::optional<kafka::Admin> admin;
  if (!book) {
    admin.emplace(cluster->client, cluster->clock, cluster->log);
    auto claims = read_claims(*admin);
    if (!claims) return std::move(claims).error();
    book = std::move(*claims);
  }
  auto claimed = choose_run(*book, run);
  if (!claimed) return std::move(claimed).error();
  if (auto claims = has_claims(**claimed); !claims) return std::move(claims).error();
  auto verdict = verify_stage(*reader, *book, **claimed);
  if (verdict && verdict->lost > 0 && admin) name_losses(*admin, *cluster, **claimed, *verdict);
  return verdict;
}

Result<Verdict> verify_in_topic(const TopicReading& cluster, const std::string& topic,
                                const std::string& run) {
  kafka::Admin admin(cluster.client, cluster.clock, cluster.log);
  auto book = read_claims(admin);
  if (!book) return std::move(book).error();
  auto claimed = choose_run(*book, run);
  if (!claimed) return std::move(claimed).error();
  if (auto claims = has_claims(**claimed); !claims) return std::move(claims).error();
  auto stage = topic_stage(admin, cluster, topic);
  if (!stage) return std::move(stage).error();
  return verify_stage(*stage, *book, **claimed);
}

int run_verify(const Invocation& invocation) {
  Reader read(invocation.settings);
  const auto client = read_kafka(read);
  refuse_properties(read, client);
  const std::string run = read.text("run").empty() ? "latest" : read.text("run");
  const std::string topic = read_topic(read);
  const bool json = read.on("json"), committed = reads_committed(read);
  ConsoleLog log(read_log_level(read));
  auto sinks = read.list("sink");
  const bool asked_topic = read.given("topic"), asked_brokers = read.given("brokers");
  if (sinks.empty() && !asked_topic && !asked_brokers)
    sinks.push_back("sqlite:" + read.text("data-dir") + "/datastorm.db");
  const SinkSettings access = read_store_access(read);
  for (const std::string& sink : sinks)
    if (auto readable = check_readable(sink, access); !readable)
      read.wrong("sink", readable.error());
  if (const auto wrong = read.errors()) return report_error(*wrong);

  const SystemClock clock;
  const Nanos begun = clock.now();
  const TopicReading cluster{client, clock, log, committed};
  std::vector<Verdict> verdicts;
  for (const std::string& sink : sinks) {
    // InfluxDB and MongoDB keep no claims.
    const bool keeps_claims = sqlite_path(sink).has_value();
    auto verdict =
        verify_in_store(sink, access, run, asked_brokers || !keeps_claims ? &cluster : nullptr);
    if (!verdict) return report_error(verdict.error());
    verdicts.push_back(std::move(*verdict));
  }
  // A store is held against the claims, those of the cluster when it is named; without a store the
  // topic itself is.
  if (sinks.empty()) {
    auto verdict = verify_in_topic(cluster, topic, run);
    if (!verdict) return report_error(verdict.error());
    verdicts.push_back(std::move(*verdict));
  }
  bool good = true;
  std::string why;
  for (const Verdict& verdict : verdicts) {
    good = good && verdict.good();
    if (!verdict.good())
      why += fmt::format("{}{}: lost {}, duplicated {}, disordered {}, corrupted {}, visible {}",
                         why.empty() ? "" : "; ", verdict.stage, verdict.lost, verdict.duplicated,
                         verdict.disordered, verdict.corrupted, verdict.visible);
    if (json)
      fmt::print("{}\n", to_json(verdict));
    else
      print_verdict(verdict);
  }
  const bool written = judge({.file = read.text("junit"),
                              .suite = "datastorm verify",
                              .seconds = static_cast<double>(clock.now() - begun) / 1e9,
                              .goal = "every record is accounted for",
                              .reached = good,
                              .why = why},
                             {}, {});
  return good && written ? kDone : kGoalFailed;
}

}  // namespace

Command verify_command() {
  return {.name = "verify",
          .purpose = "hold a store or a topic against what the producer claimed",
          .example = "datastorm verify --run latest --sink sqlite:tweets.db",
          .settings = join_settings(
              {kKafkaSettings, kStoreAccess,
               std::vector<std::string_view>{"run", "topic", "sink", "isolation", "junit"}}),
          .run = run_verify};
}

}  // namespace ds::cli
