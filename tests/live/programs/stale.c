/* A page that a system call may not read yet, and that is touched later: stale MILLISECONDS
 *
 * Says "ready"; on a line writes from the page (EFAULT), makes it accessible, sleeps, touches it, says "done". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pair[2];
	char line[16];

	if (argc != 2 || page == MAP_FAILED || pipe(pair))
		return 1;
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (write(pair[1], page, 1) != -1 || errno != EFAULT || mprotect(page, 4096, PROT_READ | PROT_WRITE))
		return 1;
	usleep(atoi(argv[1]) * 1000);
	*(volatile char *)page = 1;
	puts("done");
	fflush(stdout);
	fgets(line, sizeof(line), stdin);
	return 0;
}
