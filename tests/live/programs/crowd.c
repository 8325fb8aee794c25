/* Many processes alive at once; when told to, each touches a known number of pages.
 *
 *	crowd COUNT PAGES
 *
 * Says "ready" when all have warmed up, waits for a line, lets all touch, says "done MINFLT MAJFLT" (what they
 * must have taken), waits for a line, ends all.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static char *area;
static char line[64];
static int go[2], done[2], end[2];

static void member(int pages)
{
	char byte = 0;

	close(go[1]);
	close(end[1]);
	/* all it needs later is touched now */
	area[0] = 1;
	if (write(done[1], &byte, 1) < 0 || read(go[0], &byte, 1) < 0)
		_exit(1);
	for (int i = 1; i <= pages; i++)
		area[i * PAGE] = 1;
	if (write(done[1], &byte, 1) < 0 || read(end[0], &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

static int hear_from_all(int count)
{
	char bytes[512];

	while (count > 0) {
		ssize_t got = read(done[0], bytes, sizeof(bytes));

		if (got <= 0)
			return -1;
		count -= got;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int count, pages;

	if (argc < 3 || pipe(go) || pipe(done) || pipe(end))
		return 1;
	count = atoi(argv[1]);
	pages = atoi(argv[2]);
	area = mmap(0, (pages + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, (pages + 1) * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (!pid)
			member(pages);
	}
	if (hear_from_all(count) || write(1, "ready\n", 6) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	close(go[1]);
	if (hear_from_all(count))
		return 1;
	snprintf(line, sizeof(line), "done %d 0\n", count * pages);
	if (write(1, line, strlen(line)) < 0 || read(0, line, sizeof(line)) < 0)
		return 1;
	close(end[1]);
	while (wait(0) > 0)
		;
	return 0;
}
