/* Faults of known length: a thread of its own serves each through userfaultfd, after a wait.
 *
 *	slow COUNT WAIT_NS
 *
 * Says "ready", waits for a line, touches COUNT pages one by one, says how long each access took by its own
 * clock: NS NS ..., then "done MINFLT MAJFLT" (getrusage), waits for a line, ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define MOST 1024

static long long took_ns[MOST];
static char *area, *source;
static char line[64];
static long wait_ns;
static int fd;

static long long now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

static void *serve(void *arg)
{
	struct timespec pause = { .tv_nsec = wait_ns };
	struct uffdio_copy copy = { .len = PAGE };
	struct uffd_msg message;

	(void)arg;
	copy.src = (uint64_t)(uintptr_t)source;
	while (read(fd, &message, sizeof(message)) == sizeof(message)) {
		nanosleep(&pause, 0);
		copy.dst = message.arg.pagefault.address & ~(PAGE - 1);
		if (ioctl(fd, UFFDIO_COPY, &copy))
			exit(2);
	}
	return 0;
}

static int open_area(size_t bytes)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t server;

	area = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	source = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(source, 1, PAGE);
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uint64_t)(uintptr_t)area;
	range.range.len = bytes;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -1;
	return pthread_create(&server, 0, serve, 0);
}

static void touch(int from, int count)
{
	for (int i = from; i < from + count; i++) {
		long long before = now_ns();

		*(volatile char *)(area + i * PAGE) = 1;
		took_ns[i - from] = now_ns() - before;
	}
}

int main(int argc, char **argv)
{
	struct rusage before, after;
	int count = argc > 2 ? atoi(argv[1]) : 0;

	if (!count || count > MOST)
		return 1;
	wait_ns = atol(argv[2]);
	if (open_area((count + 1) * PAGE))
		return 2;
	memset(took_ns, 0, sizeof(took_ns));
	touch(count, 1);
	getrusage(RUSAGE_SELF, &before);
	if (write(1, "ready\n", 6) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	getrusage(RUSAGE_SELF, &before);
	touch(0, count);
	getrusage(RUSAGE_SELF, &after);
	for (int i = 0; i < count; i++)
		printf("%lld ", took_ns[i]);
	printf("\ndone %ld %ld\n", after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
	fflush(stdout);
	return read(0, line, sizeof(line)) < 0;
}
