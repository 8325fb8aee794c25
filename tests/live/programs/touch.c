/* Touches a known number of pages on a known number of threads, when told to.
 *
 *	touch PAGES THREADS
 *
 * Warms up, says "ready", waits for a line, touches, says "done MINFLT MAJFLT" (its getrusage difference),
 * waits for another line, ends. Threads exist before "ready"; nothing but the touched pages faults between.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static char *area;
static size_t pages;
static int threads;
static volatile int round_, finished;
static char line[64];

static void touch_part(int who, size_t count)
{
	for (size_t i = who; i < count; i += threads)
		area[i * 4096] = 1;
}

static void *work(void *arg)
{
	int who = (int)(long)arg, seen = 0;

	for (;;) {
		while (round_ == seen)
			usleep(500);
		seen = round_;
		if (seen == 2)
			touch_part(who, pages);
		__sync_fetch_and_add(&finished, 1);
		if (seen == 3)
			return 0;
	}
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

int main(int argc, char **argv)
{
	struct rusage before, after;
	pthread_t one;

	(void)argc;
	pages = strtoul(argv[1], 0, 10);
	threads = atoi(argv[2]);
	area = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, pages * 4096, MADV_NOHUGEPAGE);
	for (long i = 0; i < threads; i++)
		pthread_create(&one, 0, work, (void *)i);
	run_round(1);
	getrusage(RUSAGE_SELF, &before);
	getrusage(RUSAGE_SELF, &after);
	snprintf(line, sizeof(line), "done %ld %ld\n", after.ru_minflt, after.ru_majflt);
	say("ready\n");
	wait_line();
	getrusage(RUSAGE_SELF, &before);
	run_round(2);
	getrusage(RUSAGE_SELF, &after);
	snprintf(line, sizeof(line), "done %ld %ld\n", after.ru_minflt - before.ru_minflt,
		 after.ru_majflt - before.ru_majflt);
	say(line);
	wait_line();
	run_round(3);
	return 0;
}
