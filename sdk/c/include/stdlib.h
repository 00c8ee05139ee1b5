/* The part of <stdlib.h> that palisade's runtime.c provides. */
#ifndef PALISADE_STDLIB_H
#define PALISADE_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);
_Noreturn void abort(void);

/* Ends the call as a fault that says `message` and where; palisade.h has PALISADE_CHECK. */
_Noreturn void palisade_abort(const char *message, const char *file, unsigned line);

/* Says where. */
#define abort() palisade_abort("abort() was called", __FILE__, __LINE__)

#endif
