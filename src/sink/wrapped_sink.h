// A sink around another one: what it does not change goes on to that one.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sink/sink.h"

namespace ds {

class WrappedSink : public Sink {
 public:
  explicit WrappedSink(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
  Result<Offsets> next_offsets(const LogName& log) override { return sink_->next_offsets(log); }
  bool keeps_offsets() const override { return sink_->keeps_offsets(); }
  void be_patient_with(Patience& patience) override { sink_->be_patient_with(patience); }
  Result<Stored> store(std::span<const kafka::Fetched> batches) override {
    return sink_->store(batches);
  }
  std::string description() const override { return sink_->description(); }

 private:
  const std::unique_ptr<Sink> sink_;
};

}  // namespace ds
