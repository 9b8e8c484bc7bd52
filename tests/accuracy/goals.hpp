// The accuracy that tegrascope promises, measured on simulated worlds: scenario x sampling rate x averaging
// of the power monitor, several seeds each.
#pragma once

#include <string>
#include <vector>

#include "agent/accuracy/summary.hpp"

namespace tegrascope::accuracy {

// A way to get it wrong on purpose: a table that none of these fails measures nothing.
enum class Mutation : std::uint8_t {
  none,
  trapezoid,  // power is interpolated across phase edges
  no_lag,     // the power monitor's averaging is not undone
  no_prior    // phases without a sample take their neighbours' mean
};

struct TableOptions {
  int seeds = 3;
  Mutation mutation = Mutation::none;
  bool long_runs = true;  // the day and the cost
  std::uint64_t timelines = 1'000'000;
};

struct Row {
  std::string run;   // scenario, rate, averaging
  std::string goal;  // "decode >= 5 s: energy error, p95"
  std::string limit;
  std::string measured;
  bool pass = false;
};

// Runs everything.
std::vector<Row> measure_goals(const TableOptions& options);

// As a table for people; the first line says that the figures are simulated.
std::string format_table(const std::vector<Row>& rows);

}  // namespace tegrascope::accuracy
