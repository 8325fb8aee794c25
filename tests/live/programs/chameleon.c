/* Changes its name and its program while it faults.
 *
 *	chameleon PAGES LIVES
 *
 * Says "ready", waits for a line. In each of LIVES lives it touches PAGES pages four times over, taking the names
 * "skin-LIFE-0" to "skin-LIFE-3" as it goes, given by itself or by another thread, then executes itself anew.
 * In the end it says "done MINFLT MAJFLT" (getrusage, of all lives), waits for a line, ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096ul
#define NAMES 4

static char *area;
static char line[64];
static size_t pages;
static int lives;

static void *rename_first(void *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", getpid());
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		exit(1);
	close(fd);
	return 0;
}

static void live(void)
{
	pthread_t other;

	for (int i = 0; i < NAMES; i++) {
		snprintf(line, sizeof(line), "skin-%d-%d", lives, i);
		if (i % 2)
			prctl(PR_SET_NAME, line);
		else
			pthread_create(&other, 0, rename_first, line);
		/* while the other thread renames this one */
		for (size_t page = 0; page < pages; page++)
			*(volatile char *)(area + page * PAGE) = 1;
		if (i % 2 == 0)
			pthread_join(other, 0);
		madvise(area, pages * PAGE, MADV_DONTNEED);
	}
}

int main(int argc, char **argv)
{
	struct rusage usage;

	if (argc < 3)
		return 1;
	pages = strtoul(argv[1], 0, 10);
	lives = atoi(argv[2]);
	area = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, pages * PAGE, MADV_NOHUGEPAGE);
	if (argc == 3 && (write(1, "ready\n", 6) < 0 || read(0, line, sizeof(line)) < 0))
		return 1;
	live();
	if (lives > 1) {
		snprintf(line, sizeof(line), "%d", lives - 1);
		execl("/proc/self/exe", argv[0], argv[1], line, "on", (char *)0);
		return 1;
	}
	getrusage(RUSAGE_SELF, &usage);
	snprintf(line, sizeof(line), "done %ld %ld\n", usage.ru_minflt, usage.ru_majflt);
	if (write(1, line, strlen(line)) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	return 0;
}
