/* A pure page-fault loop with a known count: pfgen SECONDS
 * Touches 16 MiB page by page, drops it, again: one minor fault a page, exactly. Prints ns a fault.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PAGES 4096

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	double limit = (argc > 1 ? atof(argv[1]) : 1) * 1e9, began, lap, best = 1e18;
	char *area = mmap(0, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long laps = 0;

	madvise(area, PAGES * 4096, MADV_NOHUGEPAGE);
	for (began = now(); now() - began < limit; laps++) {
		lap = now();
		for (long i = 0; i < PAGES; i++)
			area[i * 4096] = 1;
		lap = now() - lap;
		if (lap < best)
			best = lap;
		madvise(area, PAGES * 4096, MADV_DONTNEED);
	}
	/* mean over all, and the best lap: the least disturbed one */
	printf("%.1f %.1f\n", (now() - began) / laps / PAGES, best / PAGES);
	return 0;
}
