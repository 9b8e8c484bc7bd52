#include <curl/curl.h>

#include "agent/cli/commands.hpp"

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);  // not safe once threads run
  const int code = tegrascope::dispatch(argc, argv);
  curl_global_cleanup();
  return code;
}
