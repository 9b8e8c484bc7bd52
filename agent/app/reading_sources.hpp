// Which files a reading was made of, joined by time: Reading::at is the midpoint of the very read. Readings composed
// of several files, and those that carry the time of their slot, are joined by the rules of their collector.
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/model/reading.hpp"
#include "collectors/collector.hpp"
#include "collectors/read_watch.hpp"

namespace tegrascope {

struct Source {
  std::string path;  // as it was opened; or the program or the system call that gave the value
  std::optional<Nanoseconds> took;
};

class ReadingSources {
 public:
  // All must outlive the object. `trace`: every read of the collector since it was made, in its order.
  ReadingSources(const Batch& batch, const std::vector<TracedRead>& trace, const HostPaths& paths)
      : batch_(batch), trace_(trace), paths_(paths) {}

  // Each file once.
  std::vector<Source> of(const Reading& reading) const;
  std::vector<Source> of(const ProcessReading& process) const;

  // The instance (Reading::instance) that the file belongs to; empty where that is not known.
  std::string instance_of(const std::string& path) const;
  // True when a reading has the time of that read.
  bool used(const TracedRead& read) const;
  // The last successful read of that file.
  const TracedRead* last_read(const std::string& path) const;

 private:
  using Reads = std::vector<const TracedRead*>;
  Reads reads_of(const Reading& reading) const;
  Reads exact(MonotonicTime at) const;
  Reads files(std::string_view folder, std::string_view pattern) const;
  Reads of_signal(Signal signal, std::string_view instance) const;
  Reads averaging(std::string_view rail) const;
  Reads trips(const Reading& reading) const;
  std::vector<std::string> board_rails() const;
  std::string zone_of(const std::string& folder) const;

  const Batch& batch_;
  const std::vector<TracedRead>& trace_;
  const HostPaths& paths_;
};

}  // namespace tegrascope
