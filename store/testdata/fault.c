// A library for LD_PRELOAD that lets writes or syncs of files fail while there is a
// trigger file, whose path is in FAULT_TRIGGER. The file says what fails, how, and in
// which files: "write ENOSPC pg_wal", "fsync EIO base/".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// fails reports whether an operation on a file is to fail, with errno set.
static int fails(int fd, const char *operation) {
  int before = errno;
  const char *trigger = getenv("FAULT_TRIGGER");
  if (fd <= 2 || trigger == NULL) return 0;
  FILE *f = fopen(trigger, "re");
  if (f == NULL) {
    errno = before;
    return 0;
  }
  char what[32] = "", how[32] = "", where[64] = "";
  int n = fscanf(f, "%31s %31s %63s", what, how, where);
  fclose(f);
  errno = before;
  if (n != 3 || strcmp(what, operation) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  if (path[0] != '/' || strstr(path, where) == NULL) return 0;
  errno = strcmp(how, "ENOSPC") == 0 ? ENOSPC : EIO;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *from, size_t n) {
  return fails(fd, "write") ? -1 : NEXT(write)(fd, from, n);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {
  return fails(fd, "write") ? -1 : NEXT(pwrite)(fd, from, n, at);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) {
  return fails(fd, "write") ? -1 : NEXT(pwrite64)(fd, from, n, at);
}

ssize_t pwritev(int fd, const struct iovec *from, int n, off_t at) {
  return fails(fd, "write") ? -1 : NEXT(pwritev)(fd, from, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *from, int n, off64_t at) {
  return fails(fd, "write") ? -1 : NEXT(pwritev64)(fd, from, n, at);
}

int fsync(int fd) { return fails(fd, "fsync") ? -1 : NEXT(fsync)(fd); }

int fdatasync(int fd) { return fails(fd, "fsync") ? -1 : NEXT(fdatasync)(fd); }
