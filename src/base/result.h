// Result<T>: a value, or an Error that says in one sentence what happened and what to do next.
//
//   Result<Fd> fd = connect_tcp(address, deadline);
//   if (!fd) return std::move(fd).error().while_trying("join group storm");
//   use(*fd);
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace ds {

/// What kind of failure this is; the command line turns it into an exit code.
enum class ErrorCode {
  kFailed,       // done, but the goal was missed
  kUsage,        // a flag, a setting or a file that says something impossible
  kUnreachable,  // a server that is needed does not answer
  kRefused,      // a server answered no: rights, password, unknown topic
  kProtocol,     // the other side does not speak as agreed
  kCorrupt,      // stored data is not what was written
  kStorage,      // the disk or the database refused
  kTimeout,
  kInterrupted,
};

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kFailed;
  std::string message;
  std::string hint = {};
  int system = 0;  // errno, where the operating system said no

  Error while_trying(std::string_view what) && {
    message = fmt::format("could not {}: {}", what, message);
    return std::move(*this);
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return check(ok(), "value() of an error"), std::get<0>(state_); }
  const T& value() const& { return check(ok(), "value() of an error"), std::get<0>(state_); }
  T&& value() && { return check(ok(), "value() of an error"), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return check(!ok(), "error() of a value"), std::get<1>(state_); }
  Error&& error() && { return check(!ok(), "error() of a value"), std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};

/// For what returns nothing but may fail: `return Done{};`.
using Status = Result<Done>;

}  // namespace ds
