// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

namespace bitrepo::base {

void Condition::Wait(Mutex& mutex) {
  std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
  condition_.wait(held);
  held.release();
}

}  // namespace bitrepo::base
