/* The part of <stdlib.h> that palisade's runtime.c provides. */
#ifndef PALISADE_STDLIB_H
#define PALISADE_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);
_Noreturn void abort(void);

#endif
