// SPDX-License-Identifier: Apache-2.0
#include <zmq.h>

// The planted fault of symbols_test: a library that calls ZeroMQ.
namespace bitrepo::tidy {

int ZmqMajorVersion();

int ZmqMajorVersion() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  zmq_version(&major, &minor, &patch);
  return major;
}

}  // namespace bitrepo::tidy
