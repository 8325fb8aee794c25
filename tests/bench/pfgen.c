/* A pure page-fault loop with a known count: pfgen SECONDS [WORKERS [threads|processes]]
 *
 * Says "ready PID...", waits for a line, then every worker touches 16 MiB of its own page by page, drops it,
 * again: one minor fault a page, exactly. Prints ns a fault, the mean in wall time over all and the best lap in
 * CPU time, and the faults. CPU time, because the best lap is to show what a fault costs, whoever else runs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 4096
#define MOST 64

struct worker {
	char *area;
	double mean, best;
	long laps;
};

static struct shared {
	volatile int go;
	double limit;
	struct worker worker[MOST];
} *shared;

static double clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void touch(char *area)
{
	for (long i = 0; i < PAGES; i++)
		area[i * 4096] = 1;
}

static void *work(void *arg)
{
	struct worker *me = arg;
	double began, lap;

	me->best = 1e18;
	touch(me->area);
	madvise(me->area, PAGES * 4096, MADV_DONTNEED);
	while (!shared->go)
		usleep(200);
	for (began = clock_ns(CLOCK_MONOTONIC); clock_ns(CLOCK_MONOTONIC) - began < shared->limit; me->laps++) {
		lap = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		touch(me->area);
		lap = clock_ns(CLOCK_THREAD_CPUTIME_ID) - lap;
		if (lap < me->best)
			me->best = lap;
		madvise(me->area, PAGES * 4096, MADV_DONTNEED);
	}
	me->mean = (clock_ns(CLOCK_MONOTONIC) - began) / me->laps / PAGES;
	me->best /= PAGES;
	return 0;
}

static void start(int count, int processes, pthread_t *threads, pid_t *children)
{
	for (int i = 0; i < count; i++) {
		shared->worker[i].area = mmap(0, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(shared->worker[i].area, PAGES * 4096, MADV_NOHUGEPAGE);
		if (!processes) {
			pthread_create(&threads[i], 0, work, &shared->worker[i]);
			continue;
		}
		children[i] = fork();
		if (!children[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(&shared->worker[i]);
			_exit(0);
		}
	}
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 1, processes = argc > 3 && !strcmp(argv[3], "processes");
	double mean = 0, best = 0;
	pthread_t threads[MOST];
	pid_t children[MOST];
	char line[64];
	long laps = 0;

	if (count < 1 || count > MOST)
		return 2;
	shared = mmap(0, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared->limit = (argc > 1 ? atof(argv[1]) : 1) * 1e9;
	start(count, processes, threads, children);
	printf("ready");
	for (int i = 0; i < (processes ? count : 1); i++)
		printf(" %d", processes ? children[i] : getpid());
	printf("\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	shared->go = 1;
	for (int i = 0; i < count; i++) {
		if (processes)
			waitpid(children[i], 0, 0);
		else
			pthread_join(threads[i], 0);
		mean += shared->worker[i].mean / count;
		best += shared->worker[i].best / count;
		laps += shared->worker[i].laps;
	}
	printf("%.1f %.1f %ld\n", mean, best, laps * PAGES);
	return 0;
}
