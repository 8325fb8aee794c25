/* Faults in system calls that are refused, and between them faults done for get_user_pages: refused ROUNDS FILE
 *
 * FILE is a page long, on a file system that reads past the cache. Says "ready"; on a line goes ROUNDS times
 * through all pairs of a refusal and a way to have pages got, and then says how often it was refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define BAD ((void *)0x5000)

static int pair[2], zero, file, direct;
static char *beyond, *space;

static long refusal(int kind)
{
	switch (kind) {
	case 0:
		return write(pair[1], BAD, 100);
	case 1:
		return read(zero, BAD, 100);
	case 2:
		return syscall(SYS_clock_gettime, 0, BAD);
	case 3:
		return stat(BAD, (struct stat *)space);
	case 4:
		return ioctl(pair[0], FIONREAD, BAD);
	case 5:
		/* this one reaches the fault's handler, which finds no page behind the end of the file */
		return read(zero, beyond, 100);
	}
	return 0;
}

static void get_pages(int kind)
{
	int flags = kind == 0 ? MAP_POPULATE : 0;
	char *fresh = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	struct iovec from = { fresh, 2 * PAGE }, to = { space, 2 * PAGE };

	if (kind == 1)
		mlock(fresh, PAGE);
	else if (kind == 2)
		process_vm_readv(getpid(), &to, 1, &from, 1, 0);
	else if (kind == 3 && pread(direct, fresh, PAGE, 0) != PAGE)
		exit(1);
	munmap(fresh, 2 * PAGE);
}

static long round_of_all(void)
{
	long refused = 0;

	for (int kind = 0; kind < 6; kind++)
		for (int way = 0; way < 4; way++) {
			refused += refusal(kind) == -1 && errno == EFAULT;
			get_pages(way);
		}
	return refused;
}

int main(int argc, char **argv)
{
	char line[16];
	long refused = 0;

	if (argc != 3 || pipe(pair))
		return 1;
	zero = open("/dev/zero", O_RDONLY);
	file = open(argv[2], O_RDWR);
	direct = open(argv[2], O_RDONLY | O_DIRECT);
	beyond = (char *)mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) + PAGE;
	space = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (zero < 0 || file < 0 || direct < 0 || beyond == (char *)MAP_FAILED + PAGE || space == MAP_FAILED)
		return 1;
	round_of_all();
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (int i = 0; i < atoi(argv[1]); i++)
		refused += round_of_all();
	printf("%ld\n", refused);
	fflush(stdout);
	fgets(line, sizeof(line), stdin);
	return 0;
}
