# Fails when an include breaks the order of layers: cmake -DROOT=<source dir> -P check_layers.cmake
# Each layer may include itself and what is listed for it, nothing else of the project.
cmake_minimum_required(VERSION 3.22)

set(layers
  agent/model agent/attribution agent/placement agent/analysis agent/recording
  collectors/ollama collectors exporters simulator agent/accuracy agent/app agent/cli agent)

set(allowed_agent/model)
set(allowed_agent/attribution agent/model)
set(allowed_agent/placement agent/model)
set(allowed_agent/analysis agent/model agent/attribution agent/placement)
set(allowed_agent/recording agent/model agent/analysis agent/attribution)
set(allowed_collectors agent/model)
set(allowed_collectors/ollama agent/model collectors)
set(allowed_exporters agent/model)
set(allowed_simulator agent/model)
set(allowed_agent/app agent/model agent/analysis agent/recording agent/attribution agent/placement collectors collectors/ollama exporters)
set(allowed_agent/accuracy agent/model agent/analysis agent/attribution collectors collectors/ollama simulator)
set(allowed_agent/cli agent/model agent/recording agent/accuracy agent/app exporters simulator collectors collectors/ollama)
set(allowed_agent agent/cli)

# The most specific layer that holds the path.
function(layer_of path result)
  foreach(layer IN LISTS layers)
    if(path MATCHES "^${layer}/")
      set(${result} ${layer} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} "" PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE sources RELATIVE ${ROOT}
  ${ROOT}/agent/*.hpp ${ROOT}/agent/*.cpp ${ROOT}/collectors/*.hpp ${ROOT}/collectors/*.cpp
  ${ROOT}/exporters/*.hpp ${ROOT}/exporters/*.cpp ${ROOT}/simulator/*.hpp ${ROOT}/simulator/*.cpp)
set(checked 0)
set(broken 0)
foreach(source IN LISTS sources)
  layer_of(${source} from)
  file(STRINGS ${ROOT}/${source} includes REGEX "^#include \"")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" target "${line}")
    layer_of(${target} to)
    math(EXPR checked "${checked} + 1")
    if(NOT to STREQUAL from AND NOT to IN_LIST allowed_${from})
      message("${source} (layer ${from}) includes ${target}: allowed are itself and [${allowed_${from}}]")
      math(EXPR broken "${broken} + 1")
    endif()
  endforeach()
endforeach()

if(checked EQUAL 0)
  message(FATAL_ERROR "no include found under ${ROOT}: is ROOT right?")
endif()
if(broken GREATER 0)
  message(FATAL_ERROR "${broken} of ${checked} includes break the order of layers")
endif()
message("${checked} includes follow the order of layers")
