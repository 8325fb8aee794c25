/* BCC's own copy of the BPF interface. */
#include <bcc/bpf.h>
