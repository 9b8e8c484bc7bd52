// --record: every line into a file, up to so many bytes. Service thread; writes happen on the disk thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "agent/app/disk_thread.hpp"
#include "agent/recording/recorder.hpp"

namespace tegrascope {

class RecordingFile : public RecordKeeper {
 public:
  // Opens `path`, or goes on behind what is there when that is a recording. Throws std::invalid_argument that names
  // the file, what is wrong and what to do: it cannot be opened, another agent writes it (flock), it holds something else
  // or is of a later version. Where the disk takes no more, the recording ends at its last whole line.
  // `disk` must outlive this.
  RecordingFile(const std::filesystem::path& path, std::uint64_t max_bytes, DiskThread& disk);

  // What the constructor would refuse, but for another agent that writes the file now. Changes nothing.
  static void check(const std::filesystem::path& path);

  void keep(const RecordedLine& line) override;

  // Hands what waits to the disk thread.
  void flush();

 private:
  struct Sink;
  void end_full(const RecordedLine& last);

  const std::filesystem::path path_;
  const std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;  // in the file, once everything is written
  bool full_ = false;
  bool kept_ = false;       // a line of this run
  std::uint64_t lost_ = 0;  // lines since the last that could be written
  std::string waiting_;     // lines of less than a second, to write them at once
  std::uint64_t waiting_lines_ = 0;
  MonotonicTime flushed_at_{};
  std::shared_ptr<Sink> sink_;
  DiskThread& disk_;
};

}  // namespace tegrascope
