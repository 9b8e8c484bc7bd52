# Everything comes from the system (find_package); nothing is downloaded unless TEGRASCOPE_FETCH_DEPS asks for it.
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)  # headers only: Asio, Beast
find_package(CURL REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(SQLite3 3.31 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)  # headers only; its CMake files came with release 3
if(NOT TOMLPLUSPLUS_INCLUDE_DIR)
  message(FATAL_ERROR "toml++ (toml++/toml.h) is not installed: apt-get install libtomlplusplus-dev.")
endif()
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp CONFIG QUIET)

if(NOT prometheus-cpp_FOUND)
  if(NOT TEGRASCOPE_FETCH_DEPS)
    message(FATAL_ERROR "prometheus-cpp is not installed. Debian 12 and Ubuntu 24.04: apt-get install prometheus-cpp-dev. "
                        "Ubuntu 22.04 has no package: configure with -DTEGRASCOPE_FETCH_DEPS=ON to download it.")
  endif()
  include(FetchContent)
  set(ENABLE_PUSH OFF)
  set(ENABLE_PULL OFF)
  set(ENABLE_COMPRESSION OFF)
  set(ENABLE_TESTING OFF)
  # The commit of release v1.0.1, the release that Debian 12 packages.
  FetchContent_Declare(prometheus-cpp
    GIT_REPOSITORY https://github.com/jupp0r/prometheus-cpp.git
    GIT_TAG 76470b3ec024c8214e1f4253fb1f4c0b28d3df94)
  FetchContent_MakeAvailable(prometheus-cpp)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(LIBPCAP REQUIRED IMPORTED_TARGET libpcap)
