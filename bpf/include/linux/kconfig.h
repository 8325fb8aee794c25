/* BCC includes this first; its presence also tells BCC that this is a kernel header tree. */
#include <linux/types.h>
