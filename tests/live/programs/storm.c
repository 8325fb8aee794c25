/* Starts a known number of short processes, several at a time, and tells what wait4 says of each.
 *
 *	storm KIND COUNT BURST REPORT [TINY]
 *
 *	fork     the child touches 1 to 7 pages more than it must, and ends
 *	exec     the child (of vfork) executes TINY
 *	thread   the child makes a thread, and that executes TINY: it takes over the leader's thread id
 *	leader   the child's first thread ends before the other begins to touch 1 to 7 pages
 *
 * Says "ready"; for every line it reads it starts BURST children, waits for all, says "burst"; after COUNT of
 * them it says "done MINFLT MAJFLT" instead (the sum over the children), waits for a line, ends. REPORT gets a
 * line a child in the order of their ends: PID MINFLT MAJFLT.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 8
#define PAGE 4096

static char *area, *tiny;
static char line[64];
static int part;

static void touch(int count)
{
	for (int i = 0; i < count; i++)
		*(volatile char *)(area + i * PAGE) = 1;
}

static void *in_thread(void *leader)
{
	char *const argv[] = { "tiny", 0 };

	if (tiny)
		execv(tiny, argv);
	else
		pthread_join((pthread_t)leader, 0);
	touch(part);
	/* the last thread: its end is the end of the process */
	syscall(SYS_exit, tiny != 0);
	return 0;
}

static void child(const char *kind)
{
	pthread_t other;

	if (!strcmp(kind, "fork")) {
		touch(part);
		_exit(0);
	}
	pthread_create(&other, 0, in_thread, (void *)pthread_self());
	if (!strcmp(kind, "leader"))
		pthread_exit(0);
	for (;;)
		pause();
}

static pid_t start(const char *kind)
{
	char *const argv[] = { "tiny", 0 };
	pid_t pid;

	if (!strcmp(kind, "exec")) {
		pid = vfork();
		if (!pid) {
			execv(tiny, argv);
			_exit(127);
		}
		return pid;
	}
	pid = fork();
	if (!pid)
		child(kind);
	return pid;
}

static int await(FILE *report, long *minor, long *major)
{
	struct rusage usage;
	int status = 0;
	pid_t pid = wait4(-1, &status, 0, &usage);

	*minor += usage.ru_minflt;
	*major += usage.ru_majflt;
	fprintf(report, "%d %ld %ld\n", pid, usage.ru_minflt, usage.ru_majflt);
	return pid > 0 && status == 0;
}

static void burst(const char *kind, int count, FILE *report, long *minor, long *major)
{
	int running = 0;

	for (int i = 0; i < count || running; ) {
		if (i < count && running < AT_ONCE) {
			part = 1 + i++ % 7;
			if (start(kind) < 0)
				exit(2);
			running++;
		} else {
			if (!await(report, minor, major))
				exit(3);
			running--;
		}
	}
	fflush(report);
}

int main(int argc, char **argv)
{
	long minor = 0, major = 0;
	FILE *report;

	if (argc < 5 || !(report = fopen(argv[4], "w")))
		return 1;
	tiny = argc > 5 ? argv[5] : 0;
	area = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, 8 * PAGE, MADV_NOHUGEPAGE);
	if (write(1, "ready\n", 6) < 0)
		return 1;
	for (int left = atoi(argv[2]), size = atoi(argv[3]); left > 0; left -= size) {
		if (read(0, line, sizeof(line)) < 0)
			return 1;
		burst(argv[1], left < size ? left : size, report, &minor, &major);
		snprintf(line, sizeof(line), left > size ? "burst\n" : "done %ld %ld\n", minor, major);
		if (write(1, line, strlen(line)) < 0)
			return 1;
	}
	return read(0, line, sizeof(line)) < 0;
}
