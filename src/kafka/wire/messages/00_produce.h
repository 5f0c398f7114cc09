// Produce (API 0), versions 3 to 9.
#pragma once

#include "kafka/wire/codec.h"

namespace ds::kafka {

/// Record batches to append, whole, to partitions that the broker leads. With acks 0 there is no
/// answer at all.
struct ProduceRequest {
  static constexpr const Api& api = api_of(ApiKey::kProduce);
  static constexpr Direction direction = Direction::kRequest;

  struct Partition {
    std::int32_t index = 0;
    std::optional<Records> records = Records{};

    static void fields(auto& self, auto& io) {
      io("Index", self.index);
      io("Records", self.records);
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partition_data;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("PartitionData", self.partition_data);
    }
    bool operator==(const Topic&) const = default;
  };

  std::optional<std::string> transactional_id;
  std::int16_t acks = 0;  // -1: all in-sync replicas
  std::int32_t timeout_ms = 0;
  std::vector<Topic> topic_data;

  static void fields(auto& self, auto& io) {
    io("TransactionalId", self.transactional_id);
    io("Acks", self.acks);
    io("TimeoutMs", self.timeout_ms);
    io("TopicData", self.topic_data);
  }
  bool operator==(const ProduceRequest&) const = default;
};

/// Where each batch went, or why not.
struct ProduceResponse {
  static constexpr const Api& api = api_of(ApiKey::kProduce);
  static constexpr Direction direction = Direction::kResponse;

  struct RecordError {
    std::int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message;

    static void fields(auto& self, auto& io) {
      io("BatchIndex", self.batch_index);
      io("BatchIndexErrorMessage", self.batch_index_error_message);
    }
    bool operator==(const RecordError&) const = default;
  };

  struct Partition {
    std::int32_t index = 0;
    KafkaError error_code = KafkaError::kNone;
    std::int64_t base_offset = 0;
    std::int64_t log_append_time_ms = -1;
    std::int64_t log_start_offset = -1;
    std::vector<RecordError> record_errors;
    std::optional<std::string> error_message;

    static void fields(auto& self, auto& io) {
      io("Index", self.index);
      io("ErrorCode", self.error_code);
      io("BaseOffset", self.base_offset);
      io("LogAppendTimeMs", self.log_append_time_ms);
      io("LogStartOffset", self.log_start_offset, since(5));
      io("RecordErrors", self.record_errors, since(8));
      io("ErrorMessage", self.error_message, since(8));
    }
    bool operator==(const Partition&) const = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partition_responses;

    static void fields(auto& self, auto& io) {
      io("Name", self.name);
      io("PartitionResponses", self.partition_responses);
    }
    bool operator==(const Topic&) const = default;
  };

  std::vector<Topic> responses;
  std::int32_t throttle_time_ms = 0;

  static void fields(auto& self, auto& io) {
    io("Responses", self.responses);
    io("ThrottleTimeMs", self.throttle_time_ms);
  }
  bool operator==(const ProduceResponse&) const = default;
};

}  // namespace ds::kafka
