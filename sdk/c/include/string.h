/* The part of <string.h> that palisade's runtime.c provides. */
#ifndef PALISADE_STRING_H
#define PALISADE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
size_t strlen(const char *text);

#endif
