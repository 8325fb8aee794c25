/* Takes a known number of first touches on a known number of threads, over and over in a small area.
 *
 *	churn PAGES THREADS pinned|moved
 *
 * "pinned": a thread stays on one CPU. "moved": one more thread, which does not fault, moves all the others to
 * the next CPU again and again, wherever they are just then, in the middle of a fault as well.
 * Warms up, says "ready", waits for a line, touches, says "done MINFLT MAJFLT" (its getrusage difference) and
 * "loop WALL_NS CPU_NS" (the time in the loops that touch, of all threads), waits for another line, ends.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define CHUNK 1024ul
#define MOST 64

static size_t pages;
static int threads, cpus, cpu_of[1024];
static pid_t tids[MOST];
static long long wall_ns[MOST], cpu_ns[MOST];
static volatile int round_, finished, moves;
static char line[128];

static void stay_on(pid_t tid, int which)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu_of[which % cpus], &one);
	sched_setaffinity(tid, sizeof(one), &one);
}

static void find_cpus(void)
{
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpu_of[cpus++] = cpu;
}

static long long read_clock(clockid_t which)
{
	struct timespec at;

	clock_gettime(which, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

static void touch(char *area, size_t count, int who)
{
	while (count) {
		size_t part = count < CHUNK ? count : CHUNK;
		long long wall = read_clock(CLOCK_MONOTONIC), cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);

		for (size_t i = 0; i < part; i++)
			*(volatile char *)(area + i * PAGE) = 1;
		cpu_ns[who] += read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
		wall_ns[who] += read_clock(CLOCK_MONOTONIC) - wall;
		madvise(area, CHUNK * PAGE, MADV_DONTNEED);
		count -= part;
	}
}

static void *work(void *arg)
{
	int who = (int)(long)arg, seen = 0;
	char *area = mmap(0, CHUNK * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(area, CHUNK * PAGE, MADV_NOHUGEPAGE);
	tids[who] = gettid();
	stay_on(0, who);
	for (;;) {
		while (round_ == seen)
			usleep(500);
		seen = round_;
		wall_ns[who] = cpu_ns[who] = 0;
		if (seen < 3)
			touch(area, seen == 1 ? 1 : pages / threads + (who < (int)(pages % threads)), who);
		__sync_fetch_and_add(&finished, 1);
		if (seen == 3)
			return 0;
	}
}

static void *move(void *arg)
{
	(void)arg;
	for (int turn = 0; round_ < 3; turn++) {
		for (int who = 0; who < threads; who++)
			if (tids[who])
				stay_on(tids[who], turn + who);
		moves = turn;
		usleep(100);
	}
	return 0;
}

static void run_round(int number)
{
	finished = 0;
	round_ = number;
	while (finished < threads)
		usleep(500);
}

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		exit(1);
}

static void wait_line(void)
{
	if (read(0, line, sizeof(line)) < 0)
		exit(1);
}

static void say_done(struct rusage *before)
{
	struct rusage after;
	long long wall = 0, cpu = 0;

	getrusage(RUSAGE_SELF, &after);
	for (int who = 0; who < threads; who++) {
		wall += wall_ns[who];
		cpu += cpu_ns[who];
	}
	snprintf(line, sizeof(line), "done %ld %ld\nloop %lld %lld\n", after.ru_minflt - before->ru_minflt,
		 after.ru_majflt - before->ru_majflt, wall, cpu);
}

int main(int argc, char **argv)
{
	struct rusage before;
	pthread_t one;

	if (argc < 4)
		return 1;
	pages = strtoul(argv[1], 0, 10);
	threads = atoi(argv[2]);
	find_cpus();
	stay_on(0, 0);
	for (long i = 0; i < threads; i++)
		pthread_create(&one, 0, work, (void *)i);
	if (!strcmp(argv[3], "moved"))
		pthread_create(&one, 0, move, 0);
	run_round(1);
	while (!strcmp(argv[3], "moved") && moves < 3)
		usleep(500);
	getrusage(RUSAGE_SELF, &before);
	say_done(&before);
	say("ready\n");
	wait_line();
	getrusage(RUSAGE_SELF, &before);
	run_round(2);
	say_done(&before);
	say(line);
	wait_line();
	run_round(3);
	return 0;
}
