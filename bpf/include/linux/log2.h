/* BCC sizes stack maps by this; pftop gives it powers of two. */
#pragma once
#define roundup_pow_of_two(n) (n)
