#include "collectors/jetson/tegrastats_line.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "collectors/jetson/tegrastats_values.hpp"
#include "collectors/text.hpp"

namespace tegrascope {
namespace {

constexpr double kNoTemperature = -256;  // and below: the zone is powered off

// Engines that old releases print with a bare clock and no suffix ("APE 150", "NVDEC 192"). Any other name
// with a bare number could be a rail whose line was cut.
constexpr std::array<std::string_view, 16> kEngines{"APE",  "VIC",   "NVENC", "NVDEC", "NVJPG", "MSENC",
                                                    "OFA",  "NVDLA", "PVA",   "VDE",   "AVP",   "SE",
                                                    "TSEC", "ISP",   "VI",    "NVCSI"};

bool is_engine(std::string_view name) {
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.remove_suffix(1);
  return std::find(kEngines.begin(), kEngines.end(), name) != kEngines.end();
}

// Fields of their own; what is cut of them ("RAM 2589/39", "GR3D_FREQ 9") is neither a rail nor an engine.
constexpr std::array<std::string_view, 9> kReserved{"RAM",  "SWAP",  "IRAM", "EMC", "emc",
                                                    "GR3D", "GR3D2", "MTS",  "cpu"};

bool is_reserved(std::string_view name) {
  remove_suffix(name, "_FREQ");
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool is_name(std::string_view text) {
  return !text.empty() && lower(text[0]) >= 'a' && lower(text[0]) <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

std::optional<double> mean(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

class LineParser {
 public:
  explicit LineParser(std::string_view line) : tokens_(split_fields(line)) {}

  TegrastatsLine parse() {
    while (next_ < tokens_.size()) {
      if (read_time() || read_memory() || read_cpus() || read_mts() || read_temperature() || read_gpu() ||
          read_emc() || read_rail() || read_engine())
        continue;
      line_.unread.emplace_back(tokens_[next_++]);
    }
    return std::move(line_);
  }

 private:
  // The token `ahead` of the next one; empty at the end.
  std::string_view token(std::size_t ahead = 0) const {
    return next_ + ahead < tokens_.size() ? tokens_[next_ + ahead] : std::string_view();
  }

  bool read_time() {
    const auto time = tegrastats::date_time(token(0), token(1));
    if (!time) return false;
    line_.time = *time;
    next_ += 2;
    return true;
  }

  bool read_memory() {
    const std::string_view name = token();
    if (name != "RAM" && name != "SWAP" && name != "IRAM") return false;
    // IRAM is printed without a blank before its parenthesis: "0/252kB(lfb 252kB)".
    const std::string_view amount = token(1).substr(0, token(1).find('('));
    auto used = tegrastats::used_of_total(amount);
    // Without a unit only where more follows: else the number itself may be cut.
    const bool more = amount.size() < token(1).size() || token(2).starts_with('(');
    if (!used && more) used = tegrastats::used_of_total(std::string(amount) + (name == "IRAM" ? "kB" : "MB"));
    if (!used) return false;
    // What follows "(": in the same token, or in the next one.
    std::string_view detail = token(1).substr(amount.size());
    next_ += 2;
    if (detail.empty() && token().starts_with('(')) detail = tokens_[next_++];

    std::optional<std::string_view> value;
    if (!detail.empty()) {
      std::string_view text = token();
      if (remove_suffix(text, ")")) value = text;
    }
    bool good = detail.empty();
    if (name == "SWAP") {
      TegrastatsLine::Swap swap{used->used_bytes, used->total_bytes, {}};
      if (value && detail == "(cached") swap.cached_bytes = tegrastats::bytes(*value);
      good = good || swap.cached_bytes;
      line_.swap = swap;
    } else {
      TegrastatsLine::Memory memory{used->used_bytes, used->total_bytes, {}};
      if (value && detail == "(lfb") memory.largest_free_block = block(*value);
      good = good || memory.largest_free_block;
      (name == "RAM" ? line_.memory : line_.iram) = memory;
    }
    if (!good)
      line_.unread.emplace_back(detail);
    else if (!detail.empty())
      ++next_;
    return true;
  }

  // "8x2MB" or "252kB".
  static std::optional<TegrastatsLine::Block> block(std::string_view text) {
    TegrastatsLine::Block result;
    if (const auto times = text.find('x'); times != std::string_view::npos) {
      result.count = to_integer<std::uint64_t>(text.substr(0, times));
      if (!result.count) return std::nullopt;
      text.remove_prefix(times + 1);
    }
    const auto size = tegrastats::bytes(text);
    if (!size) return std::nullopt;
    result.bytes = *size;
    return result;
  }

  // "CPU [1%@729,off]"; before R27 "cpu [17%,off]@408".
  bool read_cpus() {
    std::string_view text = token(1);
    if (lower(token()) != "cpu" || !remove_prefix(text, "[")) return false;
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    std::string_view clock = text.substr(end + 1);
    std::optional<double> shared;
    if (!clock.empty()) {
      if (!remove_prefix(clock, "@")) return false;
      shared = tegrastats::hertz(clock);
      if (!shared && clock != "-1") return false;  // -1: TK1 could not tell
    }
    std::vector<TegrastatsLine::Core> cores;
    std::vector<std::string> unread;
    for_each_part(text.substr(0, end), ',', [&](std::string_view part) {
      TegrastatsLine::Core core;
      remove_suffix(part, "@-1");
      const auto load = tegrastats::load_at_clock(trim(part));
      if (load && load->off) {
        core.online = false;
      } else if (load && load->ratios.size() <= 1 && load->hertz.size() <= 1) {
        core.utilization_ratio = mean(load->ratios);
        core.frequency_hertz = load->hertz.empty() ? shared : load->hertz[0];
      } else {
        unread.emplace_back(part);  // the core keeps its place
      }
      cores.push_back(core);
    });
    line_.unread.insert(line_.unread.end(), unread.begin(), unread.end());
    line_.cpus = std::move(cores);
    next_ += 2;
    return true;
  }

  // "MTS fg 0% bg 8%".
  bool read_mts() {
    if (token(0) != "MTS" || token(1) != "fg") return false;
    const auto foreground = tegrastats::ratio(token(2));
    if (!foreground) return false;
    line_.mts = {foreground, {}};
    next_ += 3;
    if (token(0) == "bg") line_.mts->background_ratio = tegrastats::ratio(token(1));
    if (line_.mts->background_ratio) next_ += 2;
    return true;
  }

  // "cpu@47.875C", from R39 "cpu@47.875C/48.1C".
  bool read_temperature() {
    const auto at = token().find('@');
    if (at == std::string_view::npos || !is_name(token().substr(0, at))) return false;
    const auto values = tegrastats::celsius(token().substr(at + 1));
    if (!values) return false;
    if (values->front() > kNoTemperature) {
      TegrastatsLine::Temperature temperature{values->front(), {}};
      if (values->size() > 1 && values->at(1) > kNoTemperature) temperature.peak_celsius = values->at(1);
      line_.temperatures.insert_or_assign(std::string(token().substr(0, at)), temperature);
    }
    ++next_;
    return true;
  }

  // "GR3D_FREQ 12%@[1300,1300]", "GR3D 39%@76", early R35 in addition "GR3D2_FREQ 0%@0".
  bool read_gpu() {
    std::string_view name = token();
    remove_suffix(name, "_FREQ");
    if (name != "GR3D" && name != "GR3D2") return false;
    const auto load = tegrastats::load_at_clock(token(1));
    if (!load || load->ratios.size() > 1) return false;
    if (!line_.gpu) line_.gpu.emplace();
    if (name == "GR3D") line_.gpu->utilization_ratio = mean(load->ratios);
    line_.gpu->frequencies_hertz.insert(line_.gpu->frequencies_hertz.end(), load->hertz.begin(),
                                        load->hertz.end());
    next_ += 2;
    return true;
  }

  // "EMC_FREQ 3%@2133", "EMC 1%@408".
  bool read_emc() {
    const std::string name = lower(token());
    if (name != "emc_freq" && name != "emc") return false;
    const auto load = tegrastats::load_at_clock(token(1));
    if (!load || load->off || load->ratios.size() > 1 || load->hertz.size() > 1) return false;
    line_.emc = {mean(load->ratios), mean(load->hertz)};
    next_ += 2;
    return true;
  }

  // "VDD_IN 4654mW/4654mW", before R34 "VDD_IN 2144/2144"; AGX Xavier's rails GPU, CPU, SOC share words with
  // zones.
  bool read_rail() {
    if (!is_name(token(0)) || is_reserved(token(0))) return false;
    const auto values = tegrastats::watts(token(1));
    if (!values) return false;
    TegrastatsLine::Rail rail{values->at(0), values->at(1), {}};
    if (values->size() > 2) rail.peak_watts = values->at(2);
    line_.rails.insert_or_assign(std::string(token()), rail);
    next_ += 2;
    return true;
  }

  // "VIC_FREQ 729", "NVENC 79%@166", "NVDEC off", "OFA_FREQ @315", "VIC_LOAD 5%".
  bool read_engine() {
    std::string_view name = token();
    if (!is_name(name) || is_reserved(name) || name == "CPU") return false;
    const bool suffixed = remove_suffix(name, "_FREQ") || remove_suffix(name, "_LOAD");
    auto load = tegrastats::load_at_clock(token(1));
    if (!load && (suffixed || is_engine(name)))
      if (const auto clock = tegrastats::hertz(token(1))) load = tegrastats::LoadAtClock{false, {}, {*clock}};
    if (!load || name.empty()) return false;
    TegrastatsLine::Engine& engine = line_.engines[std::string(name)];
    if (load->off) engine = {};
    engine.on = !load->off;
    if (!load->ratios.empty()) engine.utilization_ratio = mean(load->ratios);
    if (!load->hertz.empty()) engine.frequency_hertz = load->hertz.front();
    next_ += 2;
    return true;
  }

  std::vector<std::string_view> tokens_;
  std::size_t next_ = 0;
  TegrastatsLine line_;
};

}  // namespace

TegrastatsLine parse_tegrastats_line(std::string_view line) {
  remove_prefix(line, "\xEF\xBB\xBF");  // a file that an editor saved
  return LineParser(line).parse();
}

}  // namespace tegrascope
