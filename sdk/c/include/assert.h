/* As in the C library: nothing with NDEBUG, else a failed assertion is a fault that says what
 * and where. May be included again after NDEBUG was changed. */
#include <stdlib.h>

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
    ((condition) ? (void)0 : palisade_abort("assertion failed: " #condition, __FILE__, __LINE__))
#endif

#ifndef static_assert
#define static_assert _Static_assert
#endif
