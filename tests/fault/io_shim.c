/* Makes writes, syncs and renames of a program fail on request: preloaded by disk_error_test.py.
 *
 * FAULT_CONTROL names a file of five int32 that both map: which kind of call fails next (0 none,
 * 1 pwrite, 2 fdatasync or fsync, 3 rename), with which errno, how many have failed, and how many
 * syncs of a file came after one of that file had failed. FAULT_PATH: only of paths that hold this. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { NOTHING, WRITE, SYNC, RENAME };
static volatile int32_t* control;
static const char* wanted;
static char failed_syncs[256][512];
static volatile int32_t failed_count;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("FAULT_CONTROL");
  const int fd = path ? open(path, O_RDWR) : -1;
  wanted = getenv("FAULT_PATH");
  if (fd < 0) return;
  void* mapped = mmap(NULL, 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) control = mapped;
  close(fd);
}

static int name_of(int fd, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
  return wanted && strstr(path, wanted) != NULL;
}

static int fails(int kind) {
  int32_t expected = kind;
  if (!control || !__atomic_compare_exchange_n(&control[0], &expected, NOTHING, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    return 0;
  __atomic_add_fetch(&control[2], 1, __ATOMIC_SEQ_CST);
  errno = control[1];
  return 1;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static ssize_t (*real)(int, const void*, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  char path[512];
  if (control && control[0] == WRITE && name_of(fd, path, sizeof path) && fails(WRITE)) {
    if (size > 1) real(fd, bytes, size / 2, at); /* half of it had been written */
    errno = control[1];
    return -1;
  }
  return real(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t at) { return pwrite(fd, bytes, size, at); }

static int sync_of(const char* call, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
  char path[512];
  if (!control || !name_of(fd, path, sizeof path)) return real(fd);
  for (int32_t i = 0; i < failed_count; ++i)
    if (strcmp(failed_syncs[i], path) == 0) __atomic_add_fetch(&control[3], 1, __ATOMIC_SEQ_CST);
  if (control[0] == SYNC && fails(SYNC)) {
    if (failed_count < 256) snprintf(failed_syncs[failed_count++], 512, "%s", path);
    errno = control[1];
    return -1;
  }
  return real(fd);
}
int fdatasync(int fd) { return sync_of("fdatasync", fd); }
int fsync(int fd) { return sync_of("fsync", fd); }

int rename(const char* from, const char* to) {
  static int (*real)(const char*, const char*);
  if (!real) real = (int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename");
  if (control && control[0] == RENAME && wanted && strstr(to, wanted) && fails(RENAME)) return -1;
  return real(from, to);
}
