/* A known number of faults of each sort that the kernel's counters see otherwise.
 *
 *	mixed TOUCHED POPULATED BUS SEGV WRITTEN
 *
 *	TOUCHED    pages written to: every counter has them
 *	POPULATED  pages the kernel faults in for the process (madvise): in its rusage and in vmstat, in no perf event
 *	BUS        reads past the end of a file, answered by SIGBUS: in vmstat only
 *	SEGV       reads of no mapping, answered by SIGSEGV: in none of them
 *	WRITTEN    pages never touched, given to write(2): the kernel may first try to copy with faults switched
 *	           off, which is no fault, and then takes one as any other; every counter has that one
 *
 * Warms up, says "ready", waits for a line, does all, says "done MINFLT MAJFLT", waits for a line, ends.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define PAGE 4096ul

static sigjmp_buf back;
static char *beyond;
static int file;
static char line[64];

static void jump(int number)
{
	siglongjmp(back, number);
}

static void fail(volatile char *at, int count)
{
	for (volatile int i = 0; i < count; i++)
		if (!sigsetjmp(back, 1))
			(void)*at;
}

static char *area_of(size_t pages)
{
	char *area = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
	return area;
}

static void give(char *from, size_t count)
{
	for (size_t page = 0; page < count; page++)
		if (pwrite(file, from + page * PAGE, PAGE, 0) != PAGE)
			exit(3);
}

static void round_(char *area, size_t touched, char *populated, size_t count, int bus, int segv)
{
	for (size_t page = 0; page < touched; page++)
		*(volatile char *)(area + page * PAGE) = 1;
	if (count && madvise(populated, count * PAGE, MADV_POPULATE_WRITE))
		exit(2);
	fail(beyond, bus);
	fail((char *)0x10, segv);
}

int main(int argc, char **argv)
{
	struct rusage before, after;
	size_t touched, populated;
	size_t written;
	char *area, *filled, *unread;

	if (argc < 6)
		return 1;
	touched = strtoul(argv[1], 0, 10);
	populated = strtoul(argv[2], 0, 10);
	area = area_of(touched + 1);
	filled = area_of(populated + 1);
	written = strtoul(argv[5], 0, 10);
	unread = area_of(written + 1);
	file = memfd_create("written", 0);
	beyond = mmap(0, PAGE, PROT_READ, MAP_SHARED, memfd_create("short", 0), 0);
	signal(SIGBUS, jump);
	signal(SIGSEGV, jump);
	round_(area + touched * PAGE, 1, filled + populated * PAGE, 1, 1, 1);
	give(unread + written * PAGE, 1);
	getrusage(RUSAGE_SELF, &before);
	getrusage(RUSAGE_SELF, &after);
	snprintf(line, sizeof(line), "done %ld %ld\n", after.ru_minflt, after.ru_majflt);
	if (write(1, "ready\n", 6) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	getrusage(RUSAGE_SELF, &before);
	round_(area, touched, filled, populated, atoi(argv[3]), atoi(argv[4]));
	give(unread, written);
	getrusage(RUSAGE_SELF, &after);
	snprintf(line, sizeof(line), "done %ld %ld\n", after.ru_minflt - before.ru_minflt,
		 after.ru_majflt - before.ru_majflt);
	if (write(1, line, strlen(line)) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	return 0;
}
