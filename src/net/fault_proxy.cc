#include "net/fault_proxy.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "base/random.h"
#include "net/lane.h"

namespace ds {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kHeldMax = 8 << 20;  // of one direction; then nothing further is read
constexpr std::size_t kFrontBytes = 8;     // of a request, for Cuts::which

void reset(Fd& socket) {
  const linger at_once{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket.close();
}

/// Cuts a stream into messages by their lengths.
class Framer {
 public:
  /// Calls begins(front) when a message's length and first bytes are known, or all of it if
  /// shorter.
  template <typename Begins>
  void take(ByteView bytes, const Begins& begins) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const auto skip = std::min<std::uint64_t>(left_, bytes.size());
        left_ -= skip;
        bytes = bytes.subspan(skip);
        continue;
      }
      front_.push_back(bytes.front());
      bytes = bytes.subspan(1);
      if (front_.size() < 4) continue;
      const auto length = load_be<std::uint32_t>(front_.data());
      if (front_.size() < 4 + std::min<std::size_t>(length, kFrontBytes)) continue;
      begins(ByteView(front_).subspan(4));
      left_ = length - (front_.size() - 4);
      front_.clear();
    }
  }

 private:
  ByteVec front_;
  std::uint64_t left_ = 0;
};

}  // namespace

bool is_kafka_produce(ByteView request) {
  return request.size() >= 2 && request[0] == 0 && request[1] == 0;
}

std::string kafka_name_of(const Address& address) {
  std::string text = address.host + std::string(4, '\0');
  store_be(reinterpret_cast<std::uint8_t*>(text.data()) + address.host.size(),
           std::uint32_t{address.port});
  return text;
}

struct FaultProxy::Running final : Watcher {
  struct Link;

  Running(const Address& to, const Clock& clock) : server(to), lane("fault-proxy", clock) {}

  void on_ready(std::uint32_t) override;  // somebody connects
  void drop(std::uint64_t id);
  bool cut_now();
  bool double_now(ByteView front);

  Address server;
  Fd listener;
  Address address;
  Trouble trouble;
  std::optional<Cuts> cuts;
  int answers_until_cut = 0;
  std::optional<Doubles> doubles;
  int requests_until_double = 0;
  std::string named, ours;
  FaultProxyStats stats;
  std::uint64_t next_id = 0;
  Random random{1};
  std::map<std::uint64_t, std::unique_ptr<Link>> links;
  Lane lane;  // last: ends before what its tasks use
};

/// A client and its own connection to the server.
struct FaultProxy::Running::Link {
  /// Bytes that go one way: read here, kept for as long as they are late, written there.
  struct Way final : Watcher {
    Way(Link& owner, bool is_up) : link(owner), up(is_up) {}
    void on_ready(std::uint32_t events) override;
    void read();
    void take(ByteVec bytes);
    ByteVec whole_messages(ByteVec bytes);
    void write();
    void watch();
    void close();  // both ways: its end has come, and all before it is passed on

    struct Late {
      Nanos due;
      ByteVec bytes;
      std::size_t at = 0;
    };
    Link& link;
    const bool up;
    Framer framer;
    ByteVec whole;  // of a message whose end has not come
    /// Of each message from the one in `whole` on: up, that it goes twice; down, that it goes not.
    std::deque<bool> marks;
    std::deque<Late> late;
    std::size_t held = 0;
    bool ended = false;  // its reader has seen the end
    bool waits = false;  // a timer will write
    Nanos free_at = 0;   // by the rate
  };

  Link(Running& owner, std::uint64_t number, Fd a, Fd b)
      : proxy(owner),
        id(number),
        client(std::move(a)),
        server(std::move(b)),
        up(*this, true),
        down(*this, false),
        in_whole_messages(!owner.named.empty()) {
    proxy.lane.poller().watch(client.get(), client_events = EPOLLIN, up);
    proxy.lane.poller().watch(server.get(), server_events = EPOLLIN | EPOLLOUT, down);
  }
  ~Link() { end(false); }
  void end(bool by_reset) {
    if (!client) return;
    proxy.lane.poller().unwatch(client.get(), up);
    proxy.lane.poller().unwatch(server.get(), down);
    by_reset ? reset(client) : client.close();
    by_reset ? reset(server) : server.close();
  }

  Running& proxy;
  const std::uint64_t id;
  Fd client, server;
  std::uint32_t client_events = 0, server_events = 0;
  Way up, down;
  enum class Answer { kPass, kMayCut, kKeep };
  std::deque<Answer> asked;  // what is to become of the answers that have not come yet
  const bool in_whole_messages;
};

// Each socket has one watcher: the client's is `up`, the server's is `down`. It reads its own way
// and writes the other one.
void FaultProxy::Running::Link::Way::on_ready(std::uint32_t events) {
  Running& proxy = link.proxy;
  const std::uint64_t id = link.id;
  Way& other = up ? link.down : link.up;
  if (events & EPOLLOUT) other.write();
  if (proxy.links.contains(id) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) read();
  if (proxy.links.contains(id)) {
    link.up.watch();
    link.down.watch();
  }
}

/// Tells epoll what matters for the socket that this way reads.
void FaultProxy::Running::Link::Way::watch() {
  const Way& other = up ? link.down : link.up;
  const bool wants_out = !other.late.empty() && !other.waits;
  const std::uint32_t wanted = (held < kHeldMax && !ended ? std::uint32_t{EPOLLIN} : 0u) |
                               (wants_out ? std::uint32_t{EPOLLOUT} : 0u);
  std::uint32_t& now = up ? link.client_events : link.server_events;
  if (wanted != now)
    link.proxy.lane.poller().change((up ? link.client : link.server).get(), now = wanted, *this);
}

void FaultProxy::Running::Link::Way::read() {
  const int from = (up ? link.client : link.server).get();
  ByteVec bytes(kReadBytes);
  const auto got = recv(from, bytes.data(), bytes.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return link.proxy.drop(link.id);
  if (got == 0) {
    ended = true;
    if (late.empty()) close();
    return;
  }
  bytes.resize(static_cast<std::size_t>(got));
  (up ? link.proxy.stats.bytes_up : link.proxy.stats.bytes_down) += bytes.size();
  if (link.proxy.trouble.swallow) return;
  Running& proxy = link.proxy;
  const std::uint64_t id = link.id;
  bool cut = false;
  framer.take(bytes, [&](ByteView front) {
    using Answer = Link::Answer;
    if (up) {
      link.asked.push_back(proxy.cuts && proxy.cuts->which(front) ? Answer::kMayCut
                                                                  : Answer::kPass);
      if (!link.in_whole_messages) return;
      marks.push_back(proxy.double_now(front));
      if (marks.back()) link.asked.push_back(Answer::kKeep);
      return;
    }
    Answer mine = Answer::kPass;
    if (!link.asked.empty()) {
      mine = link.asked.front();
      link.asked.pop_front();
    }
    if (link.in_whole_messages) marks.push_back(mine == Answer::kKeep);
    cut = cut || (mine == Answer::kMayCut && proxy.cut_now());
  });
  if (cut) {
    link.end(true);
    proxy.links.erase(id);  // and this with it
    return;
  }
  take(std::move(bytes));
  write();
}

void FaultProxy::Running::Link::Way::take(ByteVec bytes) {
  Running& proxy = link.proxy;
  if (link.in_whole_messages) bytes = whole_messages(std::move(bytes));
  if (link.in_whole_messages && !up) {
    for (auto at = bytes.begin();; at += static_cast<std::ptrdiff_t>(proxy.ours.size())) {
      at = std::search(at, bytes.end(), proxy.named.begin(), proxy.named.end(),
                       [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
      if (at == bytes.end()) break;
      std::copy(proxy.ours.begin(), proxy.ours.end(), at);
    }
  }
  if (bytes.empty()) return;
  held += bytes.size();
  Nanos due = proxy.lane.clock().now() + proxy.trouble.delay;
  if (proxy.trouble.jitter > 0)
    due += static_cast<Nanos>(proxy.random.below(static_cast<std::uint64_t>(proxy.trouble.jitter)));
  if (!late.empty()) due = std::max(due, late.back().due);
  late.push_back({due, std::move(bytes)});
}

/// Of what has come, as far as it is complete, doubled and left out as it is marked.
ByteVec FaultProxy::Running::Link::Way::whole_messages(ByteVec bytes) {
  whole.insert(whole.end(), bytes.begin(), bytes.end());
  bytes.clear();
  auto at = whole.begin();
  while (whole.end() - at >= 4) {
    const auto size = 4 + std::ptrdiff_t{load_be<std::uint32_t>(&*at)};
    if (whole.end() - at < size) break;
    const bool marked = marks.front();
    marks.pop_front();
    for (int times = up ? 1 + marked : 1 - marked; times > 0; --times)
      bytes.insert(bytes.end(), at, at + size);
    at += size;
  }
  whole.erase(whole.begin(), at);
  return bytes;
}

void FaultProxy::Running::Link::Way::write() {
  Running& proxy = link.proxy;
  const int to = (up ? link.server : link.client).get();
  while (!late.empty() && !waits) {
    Late& next = late.front();
    const Nanos now = proxy.lane.clock().now();
    const Nanos due = std::max(next.due, free_at);
    if (due > now) {
      waits = true;
      proxy.lane.after(due - now, [&owner = proxy, id = link.id, up_now = up] {
        const auto found = owner.links.find(id);
        if (found == owner.links.end()) return;
        Way& way = up_now ? found->second->up : found->second->down;
        way.waits = false;
        way.write();
        if (owner.links.contains(id)) {
          found->second->up.watch();
          found->second->down.watch();
        }
      });
      return;
    }
    std::size_t size = next.bytes.size() - next.at;
    if (proxy.trouble.slice > 0) size = std::min(size, proxy.trouble.slice);
    if (proxy.trouble.bytes_a_second > 0) size = std::min<std::size_t>(size, 16 << 10);
    const auto sent = send(to, next.bytes.data() + next.at, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return;
    if (sent < 0) return proxy.drop(link.id);
    next.at += static_cast<std::size_t>(sent);
    held -= static_cast<std::size_t>(sent);
    if (proxy.trouble.bytes_a_second > 0)
      free_at = std::max(now, free_at) + static_cast<Nanos>(sent) * kSecond /
                                             static_cast<Nanos>(proxy.trouble.bytes_a_second);
    if (next.at == next.bytes.size()) late.pop_front();
  }
  if (ended && late.empty()) close();
}

void FaultProxy::Running::Link::Way::close() {
  Running& proxy = link.proxy;
  if (proxy.trouble.slow_close == 0) return proxy.drop(link.id);
  proxy.lane.after(proxy.trouble.slow_close, [&proxy, id = link.id] { proxy.drop(id); });
}

void FaultProxy::Running::on_ready(std::uint32_t) {
  while (true) {
    auto client = accept_connection(listener.get());
    if (!client || !*client) return;
    auto there = start_connect(server);
    if (!there) {
      reset(*client);
      continue;
    }
    ++stats.connections;
    const std::uint64_t id = next_id++;
    links.emplace(id, std::make_unique<Link>(*this, id, std::move(*client), std::move(*there)));
  }
}

void FaultProxy::Running::drop(std::uint64_t id) {
  // Posted: whoever found out is still at work on it.
  const auto found = links.find(id);
  if (found == links.end()) return;
  found->second->end(false);
  auto gone = std::make_shared<std::unique_ptr<Link>>(std::move(found->second));
  links.erase(found);
  lane.post([gone] {});
}

bool FaultProxy::Running::cut_now() {
  if (!cuts || cuts->count <= 0 || --answers_until_cut > 0) return false;
  answers_until_cut = cuts->every;
  --cuts->count;
  ++stats.cuts;
  return true;
}

bool FaultProxy::Running::double_now(ByteView front) {
  if (!doubles || doubles->count <= 0 || !doubles->which(front)) return false;
  if (--requests_until_double > 0) return false;
  requests_until_double = doubles->every;
  --doubles->count;
  ++stats.doubled;
  return true;
}

FaultProxy::FaultProxy(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Result<std::unique_ptr<FaultProxy>> FaultProxy::start(const Address& server, const Address& listen,
                                                      const Clock& clock) {
  auto running = std::make_unique<Running>(server, clock);
  auto listener = listen_tcp(listen);
  if (!listener) return std::move(listener).error();
  running->listener = std::move(*listener);
  auto address = local_address(running->listener.get());
  if (!address) return std::move(address).error();
  running->address = *address;
  running->lane.call(
      [&] { running->lane.poller().watch(running->listener.get(), EPOLLIN, *running); });
  return std::unique_ptr<FaultProxy>(new FaultProxy(std::move(running)));
}

FaultProxy::~FaultProxy() {
  running_->lane.call([this] {
    running_->lane.poller().unwatch(running_->listener.get(), *running_);
    for (auto& [id, link] : running_->links) link->end(true);
    running_->links.clear();
  });
}

Address FaultProxy::address() const {
  return running_->address;
}

void FaultProxy::set(const Trouble& trouble) {
  running_->lane.call([&] { running_->trouble = trouble; });
}

void FaultProxy::cut_answers(Cuts cuts) {
  running_->lane.call([&] {
    running_->answers_until_cut = cuts.every;
    running_->cuts = std::move(cuts);
  });
}

void FaultProxy::double_requests(Doubles doubles) {
  running_->lane.call([&] {
    running_->requests_until_double = doubles.every;
    running_->doubles = std::move(doubles);
  });
}

void FaultProxy::reset_all() {
  running_->lane.call([this] {
    running_->stats.resets += running_->links.size();
    for (auto& [id, link] : running_->links) link->end(true);
    running_->links.clear();
  });
}

void FaultProxy::rename(std::string named, std::string ours) {
  check(named.size() == ours.size(), "a renamed address keeps its length");
  running_->lane.call([&] {
    running_->named = std::move(named);
    running_->ours = std::move(ours);
  });
}

FaultProxyStats FaultProxy::stats() const {
  FaultProxyStats stats;
  running_->lane.call([&] { stats = running_->stats; });
  return stats;
}

}  // namespace ds
