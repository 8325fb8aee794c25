/* Ends with a list of robust futexes that lies nowhere: the kernel faults on it at the very end, and fails. */
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	return (int)syscall(SYS_set_robust_list, (void *)0x10, 24);
}
