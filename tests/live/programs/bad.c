/* One invalid access of a known kind; dies of the signal.
 *
 *	bad null      writes to address 0x10            SIGSEGV, SEGV_MAPERR
 *	bad readonly  writes to a read-only page        SIGSEGV, SEGV_ACCERR
 *	bad beyond    reads past the end of a file      SIGBUS, BUS_ADRERR
 *	bad efault    gives read(2) a bad pointer       no signal; EFAULT
 *
 * Prints the address first, then waits for a line.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char text[64];

int main(int argc, char **argv)
{
	char *volatile at = (char *)0x10;
	const char *kind = argc > 1 ? argv[1] : "null";
	int fds[2];

	if (!strcmp(kind, "readonly")) {
		at = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	} else if (!strcmp(kind, "beyond")) {
		int fd = memfd_create("short", 0);

		at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	snprintf(text, sizeof(text), "%lu\n", (unsigned long)(uintptr_t)at);
	if (write(1, text, strlen(text)) < 0 || read(0, text, sizeof(text)) < 0)
		return 1;
	if (!strcmp(kind, "efault")) {
		if (pipe(fds) || write(fds[1], "x", 1) != 1)
			return 1;
		return read(fds[0], (void *)at, 1) == -1 ? 0 : 1;
	}
	*at = 1;
	return 0;
}
