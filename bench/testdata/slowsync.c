/* A library to preload: every fdatasync and fsync takes a millisecond longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int late(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	usleep(1000);
	return real(fd);
}

int fdatasync(int fd) { return late("fdatasync", fd); }

int fsync(int fd) { return late("fsync", fd); }
