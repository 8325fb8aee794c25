/* Follows null pointers by ever different ways: astray ROUNDS. What it goes astray at tells which way it went: bit
 * DEPTH + 1 of the address first, left for 1 and right for 0.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#pragma GCC optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")

#define DEPTH 16
#define PAUSE_EVERY 16
#define PAUSE_US 1000

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

__attribute__((noinline)) static void left(unsigned way, int depth);
__attribute__((noinline)) static void right(unsigned way, int depth);

__attribute__((noinline)) static void touch(unsigned way)
{
	/* or, calling nobody, it would have no frame */
	__asm__ volatile("" : : "r"(__builtin_frame_address(0)));
	*(volatile char *)(unsigned long)(way << 2) = 1;
}

static inline __attribute__((always_inline)) void go(unsigned way, int depth)
{
	if (depth == 0)
		touch(way);
	else if (way >> (depth - 1) & 1)
		left(way, depth - 1);
	else
		right(way, depth - 1);
}

static void left(unsigned way, int depth)
{
	go(way, depth);
	__asm__ volatile("nop");
}

static void right(unsigned way, int depth)
{
	go(way, depth);
	__asm__ volatile("nop; nop");
}

int main(int argc, char **argv)
{
	volatile unsigned round, rounds = argc > 1 ? strtoul(argv[1], 0, 10) : 0;

	signal(SIGSEGV, on_fault);
	for (round = 0; round < rounds; round++) {
		if (!sigsetjmp(back, 1))
			go(round & ((1 << DEPTH) - 1), DEPTH);
		if (round % PAUSE_EVERY == 0)
			usleep(PAUSE_US);
	}
	return 0;
}
