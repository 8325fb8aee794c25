/* Reads an empty BPF map of a million buckets again and again: most of its time is spent inside the kernel's
 * reading, where no program of a perf event runs on its CPU. Says "ready", ends when its input does. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUCKETS (1 << 20)

int main(void)
{
	struct pollfd end = { .fd = 0 };
	unsigned int cursor, key;
	union bpf_attr attr;
	long value;
	int map;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = BUCKETS;
	attr.map_flags = BPF_F_NO_PREALLOC;
	map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (map < 0) {
		perror("bpf");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (poll(&end, 1, 0) == 0) {
		memset(&attr, 0, sizeof(attr));
		attr.batch.out_batch = (unsigned long)&cursor;
		attr.batch.keys = (unsigned long)&key;
		attr.batch.values = (unsigned long)&value;
		attr.batch.count = 1;
		attr.batch.map_fd = map;
		syscall(SYS_bpf, BPF_MAP_LOOKUP_BATCH, &attr, sizeof(attr));
	}
	return 0;
}
