// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/context.h"

#include <zmq.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::zeromq {

Context::Context(int io_threads, int sockets) : handle_(zmq_ctx_new()) {
  BITREPO_CHECK(io_threads >= 1 && io_threads <= kIoThreadsMax, "a sensible number of threads");
  BITREPO_CHECK(sockets >= 1 && sockets <= kSocketsMax, "a sensible number of sockets");
  BITREPO_CHECK(handle_ != nullptr, "ZeroMQ makes a context");
  BITREPO_CHECK(zmq_ctx_set(handle_, ZMQ_IO_THREADS, io_threads) == 0, "threads can be set");
  BITREPO_CHECK(zmq_ctx_set(handle_, ZMQ_MAX_SOCKETS, sockets) == 0, "sockets can be set");
}

Context::~Context() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

std::string Context::FreshInprocEndpoint() { return absl::StrCat("inproc://", ++last_name_); }

}  // namespace bitrepo::zeromq
