// Names for threads, as `top -H` and debuggers show them.
#pragma once

#include <pthread.h>

#include <string>

namespace ds {

/// The calling thread's; at most 15 characters are kept.
inline void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace ds
