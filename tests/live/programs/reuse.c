/* One process id for a known number of processes, one after the other, all of one name; needs CAP_SYS_ADMIN.
 *
 *	reuse COUNT BURST
 *
 * Before them the id was a thread's, of this very process. Incarnation i touches 1 + i % 5 pages. Says "ready PID";
 * for every line it reads it runs BURST incarnations and says what wait4 says of each: MINFLT MINFLT ...; the
 * last of each burst lives until the next line comes, touches three pages more then, and is told of with the
 * next burst. After COUNT of them it ends when the next line comes.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static char *area;
static char line[64];
static pid_t wanted;

static void touch(int from, int count)
{
	for (int i = from; i < from + count; i++)
		*(volatile char *)(area + i * PAGE) = 1;
}

static void *lend(void *arg)
{
	(void)arg;
	wanted = gettid();
	touch(0, 2);
	return 0;
}

static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t incarnation(int number, int last, int *gate)
{
	pid_t pid = fork_as(wanted);

	if (pid)
		return pid;
	touch(2, 1 + number % 5);
	if (last) {
		if (write(gate[3], "x", 1) < 0 || read(gate[0], line, 1) < 0)
			_exit(1);
		touch(10, 3);
	}
	_exit(0);
}

static void await(pid_t pid, FILE *out)
{
	struct rusage usage;
	int status = 0;

	if (wait4(pid, &status, 0, &usage) != pid || status)
		exit(3);
	fprintf(out, "%ld ", usage.ru_minflt + usage.ru_majflt);
}

static void run_burst(int first, int count, int *gate, pid_t *waiting)
{
	for (int i = first; i < first + count; i++) {
		int last = i == first + count - 1;

		*waiting = incarnation(i, last, gate);
		if (*waiting < 0)
			exit(2);
		if (!last)
			await(*waiting, stdout);
	}
	/* it has touched what it is to touch before this look */
	if (read(gate[2], line, 1) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	int gate[4], count, size;
	pthread_t lender;
	pid_t waiting = 0;

	if (argc < 3 || pipe(gate) || pipe(gate + 2))
		return 1;
	count = atoi(argv[1]);
	size = atoi(argv[2]);
	area = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, 16 * PAGE, MADV_NOHUGEPAGE);
	pthread_create(&lender, 0, lend, 0);
	pthread_join(lender, 0);
	printf("ready %d\n", wanted);
	fflush(stdout);
	for (int done = 0; done <= count; done += size) {
		if (read(0, line, sizeof(line)) < 0)
			return 1;
		if (waiting && write(gate[1], "x", 1) > 0)
			await(waiting, stdout);
		if (done < count)
			run_burst(done, size, gate, &waiting);
		printf("\n");
		fflush(stdout);
	}
	return read(0, line, sizeof(line)) < 0;
}
