// Who a consumer is to its group after a restart. A static member that comes back under its id
// takes its partitions over at once, without a rebalance, also from a process that was killed.
#pragma once

#include <string>

#include "base/result.h"
#include "net/fd.h"

namespace ds::cli {

/// An id made of this host, what is consumed into what, and the first slot that no living process
/// here holds.
/// Lifetime: holds the slot, by a lock on a file that ends with the process.
class InstanceSlot {
 public:
  /// `what`: the same for those who may follow each other.
  static Result<InstanceSlot> take(const std::string& folder, const std::string& what);
  const std::string& id() const { return id_; }

 private:
  InstanceSlot(std::string id, Fd lock) : id_(std::move(id)), lock_(std::move(lock)) {}
  std::string id_;
  Fd lock_;
};

/// Where slots lie on this host.
std::string slot_folder();
/// In a Kubernetes pod the name of one that a StatefulSet numbers, else "": such pods come back
/// under new names, and nobody could take over.
std::string pod_instance();
bool in_kubernetes();

}  // namespace ds::cli
