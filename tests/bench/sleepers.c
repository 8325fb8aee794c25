/* Very many threads or processes: sleepers COUNT threads|processes PERIOD_MS
 *
 * Says "ready PID" once all wait; at a line each faults once and waits, and it says "quiet"; at the next line
 * each faults once a period from then on, spread over it, and it says "faulting". Ends with its input.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct shared {
	int phase, arrived;
} *shared;
static char *area;
static long count, period_ms;
static pid_t *children;

static void wait_for(int phase)
{
	int seen;

	__atomic_add_fetch(&shared->arrived, 1, __ATOMIC_SEQ_CST);
	while ((seen = __atomic_load_n(&shared->phase, __ATOMIC_SEQ_CST)) < phase)
		syscall(SYS_futex, &shared->phase, FUTEX_WAIT, seen, 0, 0, 0);
}

static void rest(double ms)
{
	struct timespec t = { (long)(ms / 1e3), (long)(ms * 1e6) % 1000000000 };

	nanosleep(&t, 0);
}

static void *work(void *arg)
{
	long who = (long)arg;
	char *page = area + who * 4096;

	wait_for(1);
	*page = 1;
	wait_for(2);
	for (rest((double)period_ms * who / count);; rest(period_ms)) {
		madvise(page, 4096, MADV_DONTNEED);
		*page = 1;
	}
	return 0;
}

static void start(int processes)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 64 << 10);
	for (long i = 0; i < count; i++) {
		if (processes) {
			children[i] = fork();
			if (!children[i]) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				work((void *)i);
			}
		} else if (pthread_create(&thread, &attributes, work, (void *)i)) {
			exit(1);
		}
	}
}

/* Processes are waited for: not everywhere is there an init that does. */
static void end(void)
{
	for (long i = 0; i < count && children[i] > 0; i++)
		kill(children[i], SIGKILL);
	for (long i = 0; i < count && children[i] > 0; i++)
		waitpid(children[i], 0, 0);
	exit(0);
}

/* Lets all go on, and says so once they have. */
static void enter(int phase, const char *name)
{
	char line[64];

	if (!fgets(line, sizeof(line), stdin))
		end();
	shared->arrived = 0;
	__atomic_store_n(&shared->phase, phase, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->phase, FUTEX_WAKE, 1 << 30, 0, 0, 0);
	while (phase == 1 && __atomic_load_n(&shared->arrived, __ATOMIC_SEQ_CST) < count)
		usleep(1000);
	puts(name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 4)
		return 2;
	count = atol(argv[1]);
	period_ms = atol(argv[3]);
	shared = mmap(0, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	area = mmap(0, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(area, count * 4096, MADV_NOHUGEPAGE);
	children = calloc(count, sizeof(*children));
	start(!strcmp(argv[2], "processes"));
	while (__atomic_load_n(&shared->arrived, __ATOMIC_SEQ_CST) < count)
		usleep(1000);
	printf("ready %d\n", getpid());
	fflush(stdout);
	enter(1, "quiet");
	enter(2, "faulting");
	while (fgets(line, sizeof(line), stdin))
		;
	end();
}
