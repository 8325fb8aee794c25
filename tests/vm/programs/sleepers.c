/* So many threads that each read one page of a mapped file, all at once.
 *
 *	sleepers FILE THREADS
 *
 * Says "ready", waits for a line, reads, says "done MINFLT MAJFLT", waits for a line. Page n of the file is
 * thread n's; nothing but these pages faults between.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static char *at;
static volatile char sum;
static volatile int finished;
static pthread_barrier_t gate, hold;
static char text[64];

static void *work(void *arg)
{
	char page = 0;

	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	page = at[(long)arg * 4096];
	__sync_fetch_and_add(&finished, 1);
	pthread_barrier_wait(&hold);
	sum += page;
	return 0;
}

int main(int argc, char **argv)
{
	struct rusage before, after;
	int threads, fd;
	pthread_t one;

	if (argc < 3 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 1;
	threads = atoi(argv[2]);
	at = mmap(0, threads * 4096L, PROT_READ, MAP_SHARED, fd, 0);
	madvise(at, threads * 4096L, MADV_RANDOM);
	pthread_barrier_init(&gate, 0, threads + 1);
	pthread_barrier_init(&hold, 0, threads + 1);
	for (long i = 0; i < threads; i++)
		if (pthread_create(&one, 0, work, (void *)i))
			return 1;
	pthread_barrier_wait(&gate);
	usleep(100000);
	getrusage(RUSAGE_SELF, &before);
	if (write(1, "ready\n", 6) < 0 || read(0, text, sizeof(text)) < 0)
		return 1;
	getrusage(RUSAGE_SELF, &before);
	pthread_barrier_wait(&gate);
	while (finished < threads)
		usleep(1000);
	getrusage(RUSAGE_SELF, &after);
	snprintf(text, sizeof(text), "done %ld %ld\n", after.ru_minflt - before.ru_minflt,
		 after.ru_majflt - before.ru_majflt);
	fputs(text, stdout);
	fflush(stdout);
	if (read(0, text, sizeof(text)) < 0)
		return 1;
	pthread_barrier_wait(&hold);
	return 0;
}
