// Where a setting's value comes from: defaults < datastorm.toml (or --config FILE) < the scenario <
// .env < environment < flags. All are declared once, in setting_table.cc; a command names those it
// takes.
//
//   Settings settings = …;                       // resolved by parse_command_line()
//   Reader read(settings);
//   options.total = read.count("total");         // says what is wrong, and goes on
//   options.rate = read.quantity("rate");
//   if (auto wrong = read.errors()) return *wrong;   // all of them at once
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ds::cli {

enum class Kind { kText, kCount, kQuantity, kDuration, kSize, kSwitch, kList };

struct Setting {
  std::string_view name;  // the flag without its dashes, and the key in datastorm.toml
  Kind kind = Kind::kText;
  std::string_view value_name;   // shown in --help
  std::string_view environment;  // names, separated by spaces; may be empty
  std::string_view default_text;
  std::string_view help;
};

/// Between the items of a kList setting's text.
constexpr char kListSeparator = '\n';

/// Every setting of every command; docs and completion are made from it too.
std::span<const Setting> all_settings();
const Setting* find_setting(std::string_view name);
/// Under which heading --help shows it.
std::string_view section_of(std::string_view name);

struct Value {
  std::string text;
  std::string origin;  // "default", "--total", "TOTAL in the environment", "datastorm.toml:12"
  bool given = false;  // by anything but the default
};

class Settings {
 public:
  void set(std::string_view name, Value value) { values_[std::string(name)] = std::move(value); }
  const Value& at(std::string_view name) const;
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  const std::map<std::string, Value, std::less<>>& all() const { return values_; }
  /// What was wrong before any value was read: the Reader says it first.
  std::vector<std::string> complaints;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

/// Reads typed values and gathers everything that is wrong, so that people hear it at once.
class Reader {
 public:
  explicit Reader(const Settings& settings) : settings_(settings), errors_(settings.complaints) {}

  bool given(std::string_view name) const { return settings_.at(name).given; }
  const std::string& origin(std::string_view name) const { return settings_.at(name).origin; }
  std::string text(std::string_view name);
  std::uint64_t count(std::string_view name);
  /// Within [least, most], or an error that names them; then the default of T fits still.
  template <typename T>
  T count_within(std::string_view name, T least, T most) {
    const std::uint64_t value = count(name);
    if (value >= static_cast<std::uint64_t>(least) && value <= static_cast<std::uint64_t>(most))
      return static_cast<T>(value);
    out_of_range(name, static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most));
    return least;
  }
  double quantity(std::string_view name);
  Nanos duration(std::string_view name);
  std::uint64_t size(std::string_view name);
  bool on(std::string_view name);
  std::vector<std::string> list(std::string_view name);
  /// One of `allowed`, or an error that lists them.
  std::string choice(std::string_view name, std::span<const std::string_view> allowed);

  /// Adds what another parser said of this setting's value.
  void wrong(std::string_view name, const Error& error);
  /// An error that belongs to no single setting.
  void wrong(const Error& error);
  template <typename T>
  T take(std::string_view name, Result<T> result, T otherwise = {}) {
    if (result) return std::move(result).value();
    wrong(name, result.error());
    return otherwise;
  }

  /// All errors as one, or nothing.
  std::optional<Error> errors() const;

 private:
  void say(std::string line);
  void out_of_range(std::string_view name, std::uint64_t least, std::uint64_t most);

  const Settings& settings_;
  std::vector<std::string> errors_;
};

/// What lies below the flags: the file, `.env` and the environment, for the settings named.
/// `command` picks the file's table [command] over its top level.
struct Sources {
  std::string config_file;  // empty: datastorm.toml if it is there
  std::map<std::string, std::string, std::less<>> environment;
  std::string dotenv_file = ".env";
  std::string scenario_name;  // the file's name, for messages; empty: there is no scenario
  std::string scenario_text;
};
Result<Settings> resolve_below_flags(std::string_view command,
                                     std::span<const std::string_view> names,
                                     const Sources& sources);

}  // namespace ds::cli
