/* Forks children that each touch three pages and end; adds up what wait4 says of them.
 *
 *	storm CHILDREN [PAUSE_MS]
 *
 * The pause is made after every 50 children.
 * Says "ready", waits for a line, does it, says "done MINFLT MAJFLT" (of the children), waits for a line.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[64];

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1, minor = 0, major = 0;
	useconds_t pause_us = argc > 2 ? atol(argv[2]) * 1000 : 0;
	struct rusage usage;
	char *at = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (write(1, "ready\n", 6) < 0 || read(0, text, sizeof(text)) < 0)
		return 1;
	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			return 1;
		if (!child) {
			for (int page = 0; page < 3; page++)
				((volatile char *)at)[page * 4096] = 1;
			_exit(0);
		}
		if (wait4(child, 0, 0, &usage) != child)
			return 1;
		minor += usage.ru_minflt;
		major += usage.ru_majflt;
		if (i % 50 == 49 && pause_us)
			usleep(pause_us);
	}
	snprintf(text, sizeof(text), "done %ld %ld\n", minor, major);
	fputs(text, stdout);
	fflush(stdout);
	return read(0, text, sizeof(text)) < 0;
}
