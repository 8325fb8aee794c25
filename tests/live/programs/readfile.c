/* Maps a file and reads one byte of each page, in an order that read-ahead cannot guess.
 *
 *	readfile FILE
 *
 * Says "ready", waits for a line, reads, says "done MINFLT MAJFLT", waits for a line.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[64];

int main(int argc, char **argv)
{
	struct rusage before, after;
	struct stat st;
	volatile char sum = 0;
	size_t pages;
	char *at;
	int fd;

	if (argc < 2 || (fd = open(argv[1], O_RDONLY)) < 0 || fstat(fd, &st))
		return 1;
	pages = st.st_size / 4096;
	at = mmap(0, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	madvise(at, st.st_size, MADV_RANDOM);
	getrusage(RUSAGE_SELF, &before);
	snprintf(text, sizeof(text), "done %ld %ld\n", before.ru_minflt, before.ru_majflt);
	if (write(1, "ready\n", 6) < 0 || read(0, text, sizeof(text)) < 0)
		return 1;
	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < pages; i++)
		sum += at[(i * 7919 % pages) * 4096];
	getrusage(RUSAGE_SELF, &after);
	snprintf(text, sizeof(text), "done %ld %ld\n", after.ru_minflt - before.ru_minflt,
		 after.ru_majflt - before.ru_majflt);
	if (write(1, text, strlen(text)) < 0 || read(0, text, sizeof(text)) < 0)
		return 1;
	return 0;
}
