/* The first thread ends at once; another goes on faulting for as long as it is told to.
 *
 *	orphan PAGES
 *
 * Says "ready"; for each line it reads it touches PAGES pages and says "done MINFLT MAJFLT" (its getrusage
 * difference); ends at the end of its input.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096ul

static char *area;
static char line[64];
static size_t pages;

static void touch(void)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t page = 0; page < pages; page++)
		*(volatile char *)(area + page * PAGE) = 1;
	getrusage(RUSAGE_SELF, &after);
	madvise(area, pages * PAGE, MADV_DONTNEED);
	snprintf(line, sizeof(line), "done %ld %ld\n", after.ru_minflt - before.ru_minflt,
		 after.ru_majflt - before.ru_majflt);
}

static void *go_on(void *leader)
{
	pthread_join((pthread_t)leader, 0);
	touch();
	if (write(1, "ready\n", 6) < 0)
		exit(1);
	while (read(0, line, sizeof(line)) > 0) {
		touch();
		if (write(1, line, strlen(line)) < 0)
			exit(1);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t other;

	pages = argc > 1 ? strtoul(argv[1], 0, 10) : 1;
	area = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
	pthread_create(&other, 0, go_on, (void *)pthread_self());
	pthread_exit(0);
}
