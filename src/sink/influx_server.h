// Where an InfluxDB is and how it is asked: what the sink, verify and the dashboard's history
// share.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sink/sink_settings.h"

namespace ds {

enum class InfluxApi { kV2, kV1 };

struct InfluxServer {
  InfluxApi api = InfluxApi::kV2;
  std::string url;  // without a slash at the end
  std::string org;
  std::string authorization;   // "Token …"; empty: none
  std::string user, password;  // for basic authentication; empty: none
  Nanos request_timeout = 0;

  /// Refuses what is no address.
  static Result<InfluxServer> from(InfluxApi api, std::string url, const SinkSettings& settings);

  std::string write_url(const std::string& bucket) const;
  /// InfluxQL, which 2.x answers too.
  std::string query_url(const std::string& bucket, std::string_view question) const;
  std::string flux_url() const;
};

std::string percent_encoded(std::string_view text);

/// Splits comma-separated values as they come, in pieces of any size; a quoted cell may hold
/// commas, quotes and line ends. Threads: one. Cost: a copy of each cell.
class CsvReader {
 public:
  using Row = std::vector<std::string>;
  /// `row` is called for each whole row and says whether to go on.
  explicit CsvReader(std::function<bool(const Row&)> row) : row_(std::move(row)) {}
  /// False once the row's function said so.
  bool feed(std::string_view piece);

 private:
  void begin_cell();
  bool end_row();

  std::function<bool(const Row&)> row_;
  Row cells_;
  std::size_t count_ = 0;  // cells of the row under way
  enum class State { kPlain, kQuoted, kQuote } state_ = State::kPlain;
};

/// Asks a server and reads its answer row by row, while it comes. What goes wrong is told with the
/// server, the reason and the next step. `flux`: the body of a Flux question; else InfluxQL, by the
/// URL alone. Header rows are told too.
///
/// Cost: one connection a question; memory for one row.
Status ask_influx(const InfluxServer& server, const std::string& url, const std::string* flux,
                  const std::function<bool(const CsvReader::Row&)>& row);

/// A text as Flux quotes it.
std::string flux_text(const std::string& text);
/// Asks in Flux; `cells` gets the named columns of each row of the answer, in that order, and says
/// whether it could read them.
Status ask_flux(const InfluxServer& server, const std::string& question,
                std::span<const std::string_view> columns,
                const std::function<bool(std::span<const std::string_view>)>& cells);

}  // namespace ds
