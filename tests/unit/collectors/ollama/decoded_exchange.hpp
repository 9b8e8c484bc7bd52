// One connection that is decoded, and what came of it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "collectors/ollama/exchange.hpp"
#include "tests/unit/collectors/ollama/exchange_text.hpp"

namespace tegrascope::test {

inline MonotonicTime at(std::chrono::milliseconds time) { return MonotonicTime(time); }

class DecodedExchange : public testing::Test {
 protected:
  RequestIds ids_;
  EventLog log_;
  ExchangeContext context_{Witness::relay, "127.0.0.1:11434", ids_, log_.sink(), {}};
  Exchange exchange_{context_};

  // The single end that was reported.
  RequestEnded ended() const {
    const auto all = log_.ended();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? RequestEnded{} : all.front();
  }
};

}  // namespace tegrascope::test
