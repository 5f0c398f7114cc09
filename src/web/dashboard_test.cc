#include "web/dashboard.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "net/http_client.h"

namespace ds {
namespace {

class DashboardTest : public testing::Test {
 protected:
  DashboardTest() {
    std::string name = (std::filesystem::temp_directory_path() / "dashboard-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~DashboardTest() override {
    dashboard_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(Controls controls = {}) {
    auto started = Dashboard::start(
        {.dashboard = {"127.0.0.1", 0},
         .control = Address{"127.0.0.1", 0},
         .history_file = (folder_ / "history.db").string()},
        [this] {
          Snapshot s;
          s.stored = stored_ += each_look_;
          s.sentiment = bad_ ? Shares{0, stored_, 0} : Shares{stored_, 0, 0};
          s.by_brand["A"] = {stored_, 0, 0};
          s.now_ms = clock_.wall_ms();
          s.brands = {"Super\"Coffee</script>"};
          return s;
        },
        std::move(controls), clock_, log_);
    ASSERT_TRUE(started.ok()) << started.error().message;
    dashboard_ = std::move(*started);
  }

  HttpReply call(const Address& at, std::string_view method, std::string_view target,
                 HttpHeaders headers = {}, std::string_view body = {}) {
    auto reply = http_call(at, method, target, headers, body);
    EXPECT_TRUE(reply.ok()) << target;
    return reply ? std::move(*reply) : HttpReply{};
  }
  HttpReply get(std::string_view target, HttpHeaders headers = {}) {
    return call(dashboard_->address(), "GET", target, std::move(headers));
  }
  HttpReply post(std::string_view target, std::string_view body = "") {
    return call(dashboard_->address(), "POST", target, {{"Content-Type", "application/json"}},
                body);
  }

  SystemClock clock_;
  NoLog log_;
  std::filesystem::path folder_;
  std::uint64_t stored_ = 0, each_look_ = 1;
  bool bad_ = false;  // all that is stored is negative
  std::unique_ptr<Dashboard> dashboard_;
};

TEST_F(DashboardTest, ServesThePageWithAStrictPolicyAndInGzip) {
  start();
  const HttpReply page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("content-type").value_or("").substr(0, 9), "text/html");
  const auto policy = page.header("content-security-policy");
  ASSERT_TRUE(policy);
  EXPECT_NE(policy->find("default-src 'none'"), std::string_view::npos);
  EXPECT_EQ(policy->find("unsafe"), std::string_view::npos);
  const auto etag = page.header("etag");
  ASSERT_TRUE(etag);
  EXPECT_EQ(get("/", {{"If-None-Match", std::string(*etag)}}).status, 304);
  const HttpReply zipped = get("/", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(zipped.header("content-encoding"), "gzip");
  EXPECT_TRUE(zipped.body.starts_with("\x1f\x8b"));
  EXPECT_EQ(get("/../etc/passwd").status, 404);
  EXPECT_EQ(get("/nothing").status, 404);
}

TEST_F(DashboardTest, AnswersStatusHistoryMetricsAndHealth) {
  start();
  const auto status = nlohmann::json::parse(get("/api/status").body, nullptr, false);
  ASSERT_TRUE(status.is_object());
  EXPECT_GE(status["stored"].get<int>(), 1);
  EXPECT_EQ(status["brands"][0], "Super\"Coffee</script>");
  EXPECT_EQ(call(*dashboard_->control_address(), "GET", "/status").status, 200);

  const auto history = nlohmann::json::parse(get("/api/history?range=5m").body, nullptr, false);
  ASSERT_TRUE(history.is_object());
  EXPECT_EQ(history["stepMs"], 1000);
  EXPECT_EQ(get("/api/history?range=9m").status, 400);
  EXPECT_EQ(get("/api/history?from=1000&to=900").status, 400);
  EXPECT_EQ(get("/api/history?from=x&to=900").status, 400);
  EXPECT_EQ(get("/api/history?from=1000").status, 400);
  const std::string since = std::to_string(clock_.wall_ms() - 60'000);
  const std::string until = std::to_string(clock_.wall_ms());
  EXPECT_EQ(get("/api/history?from=" + since + "&to=" + until).status, 200);
  EXPECT_EQ(get("/healthz").body, "ok\n");
  const HttpReply metrics = get("/metrics");
  EXPECT_NE(metrics.body.find("datastorm_records_total{state=\"stored\"}"), std::string::npos);
}

TEST_F(DashboardTest, ControlsAnswerWithTheStatusAndOnlyToPost) {
  std::vector<std::string> pressed;
  Controls controls;
  controls.stop = [&]() -> Status { return pressed.push_back("stop"), Done{}; };
  controls.rate = [&](std::optional<double> rate) -> Status {
    if (rate && *rate > 1e9) return Error{.code = ErrorCode::kUsage, .message = "too much"};
    return pressed.push_back(rate ? std::to_string(static_cast<int>(*rate)) : "max"), Done{};
  };
  start(std::move(controls));
  EXPECT_EQ(get("/api/stop").status, 405);
  EXPECT_TRUE(pressed.empty());
  const HttpReply stopped = post("/api/stop");
  EXPECT_EQ(stopped.status, 200);
  EXPECT_TRUE(nlohmann::json::parse(stopped.body, nullptr, false).contains("stored"));
  EXPECT_EQ(post("/api/rate", R"({"rate": 5000})").status, 200);
  EXPECT_EQ(post("/api/rate", R"({"rate": "max"})").status, 200);
  EXPECT_EQ(pressed, (std::vector<std::string>{"stop", "5000", "max"}));
  for (const char* body : {"", "{", "[]", R"({"rate": -1})", R"({"rate": "fast"})", "5"})
    EXPECT_EQ(post("/api/rate", body).status, 400) << body;
  EXPECT_EQ(post("/api/rate", R"({"rate": 2e9})").status, 400);
  EXPECT_EQ(post("/api/start").status, 501);  // this server has no such button
  EXPECT_EQ(post("/api/nothing").status, 404);
}

TEST_F(DashboardTest, ViewersHearEverySecondAndOthersSitesDoNot) {
  start();
  auto viewer = HttpEventReader::open(dashboard_->address(), "/api/stream");
  ASSERT_TRUE(viewer.ok());
  std::vector<std::string> names;
  while (names.size() < 3 || names.back() != "point") {
    auto event = viewer->next(10 * kSecond);
    ASSERT_TRUE(event.ok() && *event);
    names.push_back((*event)->name);
    EXPECT_TRUE(nlohmann::json::parse((*event)->data, nullptr, false).is_object());
  }
  EXPECT_EQ(names.front(), "status");
  EXPECT_EQ(names[names.size() - 2], "status");
  EXPECT_EQ(get("/api/stream", {{"Origin", "http://evil.example"}}).status, 403);
}

TEST_F(DashboardTest, AViewerThatComesBackHearsTheSecondsItMissed) {
  start();
  std::vector<std::int64_t> heard;
  const auto hear_points = [&](const std::string& target, std::size_t points) {
    auto viewer = HttpEventReader::open(dashboard_->address(), target);
    ASSERT_TRUE(viewer.ok());
    for (heard.clear(); heard.size() < points;) {
      auto event = viewer->next(10 * kSecond);
      ASSERT_TRUE(event.ok() && *event);
      if ((*event)->name == "point")
        heard.push_back(nlohmann::json::parse((*event)->data)["t"].get<std::int64_t>());
    }
  };
  hear_points("/api/stream", 2);
  const std::int64_t first = heard[0];
  EXPECT_EQ(heard[1], first + 1000);
  hear_points(fmt::format("/api/stream?since={}", first / 1000), 1);
  EXPECT_EQ(heard[0], first + 1000);
  hear_points("/api/stream?since=yesterday", 1);
  EXPECT_GT(heard[0], first + 1000);
}

TEST_F(DashboardTest, HistoryTellsOfABrandAlone) {
  start();
  auto viewer = HttpEventReader::open(dashboard_->address(), "/api/stream");
  ASSERT_TRUE(viewer.ok());
  nlohmann::json point;
  for (int points = 0; points < 2;) {
    auto event = viewer->next(10 * kSecond);
    ASSERT_TRUE(event.ok() && *event);
    if ((*event)->name == "point") ++points, point = nlohmann::json::parse((*event)->data);
  }
  const auto positive = [&](const char* target) {
    const auto history = nlohmann::json::parse(get(target).body, nullptr, false);
    const auto row = std::ranges::find(history["t"], point["t"]);
    EXPECT_NE(row, history["t"].end());
    return history["positive"][static_cast<std::size_t>(row - history["t"].begin())].get<int>();
  };
  EXPECT_EQ(positive("/api/history?brand=A"), point["positive"].get<int>());
  EXPECT_GT(point["positive"].get<int>(), 0);
  EXPECT_EQ(positive("/api/history?brand=B"), 0);
}

TEST_F(DashboardTest, ACrisisIsToldOnceAndOutlivesARestart) {
  bad_ = true;
  each_look_ = 10'000;
  EXPECT_EQ((start(), get("/api/alerts").body), "[]");
  auto viewer = HttpEventReader::open(dashboard_->address(), "/api/stream");
  ASSERT_TRUE(viewer.ok());
  std::string told;
  while (told.empty()) {
    auto event = viewer->next(10 * kSecond);
    ASSERT_TRUE(event.ok() && *event);
    if ((*event)->name == "alert") told = (*event)->data;
  }
  const auto alert = nlohmann::json::parse(told, nullptr, false);
  EXPECT_EQ(alert["kind"], "crisis");
  EXPECT_EQ(alert["share"], 1.0);
  EXPECT_EQ(alert["predicted"], false);
  EXPECT_EQ(get("/api/alerts").body, "[" + told + "]");
  dashboard_->tick_now();
  dashboard_.reset();
  start();
  EXPECT_EQ(get("/api/alerts").body, "[" + told + "]");
}

TEST_F(DashboardTest, IsAsItsDescriptionSays) {
  start({.stop = [] { return Status(Done{}); }});
  const auto description = nlohmann::json::parse(get("/api/openapi.json").body, nullptr, false);
  ASSERT_TRUE(description.is_object());
  for (const auto& [path, methods] : description["paths"].items()) {
    if (path == "/stream") continue;  // does not end
    for (const auto& [method, _] : methods.items()) {
      const std::string target = "/api" + path;
      EXPECT_NE((method == "get" ? get(target) : post(target)).status, 404) << target;
      EXPECT_EQ((method == "get" ? post(target) : get(target)).status, 405) << target;
    }
  }
  const auto status = nlohmann::json::parse(get("/api/status").body, nullptr, false);
  const auto& described = description["components"]["schemas"]["Status"]["properties"];
  for (const auto& [name, _] : status.items()) EXPECT_TRUE(described.contains(name)) << name;
  for (const auto& [name, _] : described.items()) EXPECT_TRUE(status.contains(name)) << name;
  EXPECT_EQ(status["controls"], nlohmann::json({"stop"}));
}

TEST_F(DashboardTest, RefusesToListenBeyondLoopback) {
  const auto refused = Dashboard::start(
      {.dashboard = {"0.0.0.0", 0}}, [] { return Snapshot(); }, {}, clock_, log_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace ds
