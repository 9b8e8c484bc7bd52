// Words of agent/model read back. Unknown ones throw UnknownRecord.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/words.hpp"
#include "agent/recording/decoder.hpp"

namespace tegrascope {

template <class Word>
std::string_view word_of(Word word) {
  return to_string(word);
}
inline std::string_view word_of(UpstreamKind kind) {
  return kind == UpstreamKind::openai ? "openai" : "ollama";
}
inline std::string_view word_of(ProcessRole role) { return role == ProcessRole::serve ? "serve" : "runner"; }

template <class Word>
inline constexpr std::array<Word, 0> kAll{};
template <>
inline constexpr auto kAll<Placement> = kPlacements;
template <>
inline constexpr auto kAll<Phase> = kPhases;
template <>
inline constexpr auto kAll<Unattributed> = kUnattributed;
template <>
inline constexpr auto kAll<ReasonClass> = kReasonClasses;
template <>
inline constexpr auto kAll<EventKind> = kEventKinds;
template <>
inline constexpr std::array kAll<ErrorReason>{ErrorReason::missing, ErrorReason::permission,
                                              ErrorReason::parse,   ErrorReason::range,
                                              ErrorReason::timeout, ErrorReason::unavailable};
template <>
inline constexpr std::array kAll<Witness>{Witness::relay, Witness::capture, Witness::slots,
                                          Witness::log,   Witness::process, Witness::poll};
template <>
inline constexpr std::array kAll<Operation>{Operation::chat, Operation::generate, Operation::embed,
                                            Operation::other};
template <>
inline constexpr std::array kAll<Outcome>{Outcome::ok, Outcome::error, Outcome::client_aborted,
                                          Outcome::upstream_aborted, Outcome::incomplete};
template <>
inline constexpr std::array kAll<UpstreamKind>{UpstreamKind::ollama, UpstreamKind::openai};
template <>
inline constexpr std::array kAll<ProcessRole>{ProcessRole::serve, ProcessRole::runner};

template <class Word>
Word read_word(std::string_view text) {
  for (const Word word : kAll<Word>) {
    if (word_of(word) == text) return word;
  }
  throw UnknownRecord("the word '" + std::string(text) + "' is not known");
}

}  // namespace tegrascope
