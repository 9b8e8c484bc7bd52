// Prints the table of accuracy goals, simulated. Exit code 1 when one is missed.
#include <algorithm>
#include <iostream>
#include <string>

#include "tests/accuracy/goals.hpp"

int main(int argc, char** argv) {
  using namespace tegrascope::accuracy;
  TableOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--mutation=trapezoid") {
      options.mutation = Mutation::trapezoid;
    } else if (argument == "--mutation=no-lag") {
      options.mutation = Mutation::no_lag;
    } else if (argument == "--mutation=no-prior") {
      options.mutation = Mutation::no_prior;
    } else if (argument == "--short") {
      options.long_runs = false;
      options.seeds = 1;
      options.timelines = 20'000;
    } else {
      std::cerr << "accuracy: unknown argument " << argument
                << "; known are --short and --mutation=trapezoid|no-lag|no-prior\n";
      return 2;
    }
  }
  const std::vector<Row> rows = measure_goals(options);
  std::cout << format_table(rows);
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.pass; }) ? 0 : 1;
}
