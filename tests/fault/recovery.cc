// Opens a partition's log as a crash or a bad disk may have left it, and prints what recovery made
// of it: the hand of bit_rot_test.py, which knows what must come out.
//
//   fault_recovery SEGMENT MARKS      then on the input, a case a line:
//   flip BIT | length BYTES | marks BIT, each with a boot (1: this one) and "repair" or "-"
//
// One line a case: "refused", or "served" with the next offset, the bytes of the segment that count
// and whether they are the original's; then how often the operator was told of something.
#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "kafka/broker/partition_log.h"
#include "net/sim/disk.h"

namespace ds::fault {
namespace {

class Counting final : public Log {
 public:
  void write(LogLevel, std::string_view) override { ++lines; }
  int lines = 0;
};

ByteVec content_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return ByteVec(std::istreambuf_iterator<char>(file), {});
}

void put(SimDisk& disk, const std::string& path, const ByteVec& content) {
  check((*disk.open(path, OpenMode::kCreate))->write_at(content, 0).ok(), "a simulated write");
}

std::string judge(const ByteVec& original, const ByteVec& segment, const ByteVec& marks, int boot,
                  bool repair) {
  using kafka::broker::PartitionLog;
  SimDisk disk;
  check(disk.make_folder("/p").ok(), "a simulated folder");
  const std::string path = "/p/" + kafka::broker::Segment::file_name(0);
  put(disk, path, segment);
  put(disk, "/p/marks", marks);
  Counting told;
  const auto log = PartitionLog::open(
      disk, "/p", {.repair = repair, .boot_id = {static_cast<std::uint8_t>(boot)}},
      [](const kafka::BatchHeader&) {}, told);
  if (!log) return fmt::format("refused {}", log.error().code == ErrorCode::kCorrupt ? 1 : 0);
  ByteVec left((*log)->bytes());
  const auto got = (*disk.open(path, OpenMode::kRead))->read_at(left, 0);
  const bool same = got && *got == left.size() && left.size() <= original.size() &&
                    std::equal(left.begin(), left.end(), original.begin());
  return fmt::format("served {} {} {} {}", (*log)->end_offset(), left.size(),
                     same ? "same" : "other", told.lines);
}

}  // namespace
}  // namespace ds::fault

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const ds::ByteVec segment = ds::fault::content_of(argv[1]),
                    marks = ds::fault::content_of(argv[2]);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string what, repair;
    std::size_t number = 0;
    int boot = 0;
    in >> what >> number >> boot >> repair;
    ds::ByteVec changed = segment, changed_marks = marks;
    if (what == "flip") changed.at(number / 8) ^= static_cast<std::uint8_t>(1u << number % 8);
    if (what == "marks")
      changed_marks.at(number / 8) ^= static_cast<std::uint8_t>(1u << number % 8);
    if (what == "length") changed.resize(number);
    std::cout << ds::fault::judge(segment, changed, changed_marks, boot, repair == "repair")
              << '\n';
  }
}
