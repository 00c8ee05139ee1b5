/* What the generated bindings need of a C library, for a guest that has none.
 *
 * Memory comes in size classes, powers of two from 16 bytes up; freed blocks wait in
 * one list per class. A call asks for the same few sizes again and again, so lists
 * hit and memory stops growing after the first batches.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

#define PAGE 65536u
#define HEADER 8u /* keeps every block on an 8-byte boundary; holds the class */
#define CLASSES 28u

extern unsigned char __heap_base;

struct block {
    struct block *next;
};

static struct block *free_lists[CLASSES];
static uintptr_t top, end;

static uint32_t class_of(size_t size) {
    uint32_t class = 0;
    while (((size_t)16 << class) < size + HEADER) {
        class++;
    }
    return class;
}

void *malloc(size_t size) {
    if (size > ((size_t)16 << (CLASSES - 1)) - HEADER) {
        return NULL;
    }
    uint32_t class = class_of(size);
    struct block *block = free_lists[class];
    if (block != NULL) {
        free_lists[class] = block->next;
        return block;
    }
    if (top == 0) {
        top = ((uintptr_t)&__heap_base + 15u) & ~(uintptr_t)15u;
        end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    }
    size_t length = (size_t)16 << class;
    if (end - top < length) {
        size_t pages = (length - (end - top) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) {
            return NULL;
        }
        end += pages * PAGE;
    }
    uint32_t *header = (uint32_t *)top;
    top += length;
    header[0] = class;
    return (unsigned char *)header + HEADER;
}

void free(void *pointer) {
    if (pointer == NULL) {
        return;
    }
    uint32_t class = *(uint32_t *)((unsigned char *)pointer - HEADER);
    struct block *block = pointer;
    block->next = free_lists[class];
    free_lists[class] = block;
}

void *realloc(void *pointer, size_t size) {
    if (pointer == NULL) {
        return malloc(size);
    }
    uint32_t class = *(uint32_t *)((unsigned char *)pointer - HEADER);
    size_t room = ((size_t)16 << class) - HEADER;
    if (size <= room) {
        return pointer;
    }
    void *moved = malloc(size);
    if (moved != NULL) {
        memcpy(moved, pointer, room);
        free(pointer);
    }
    return moved;
}

_Noreturn void palisade_abort(const char *message, const char *file, unsigned line) {
    guest_string_t says = {(uint8_t *)(uintptr_t)message, strlen(message)};
    guest_string_t where = {(uint8_t *)(uintptr_t)file, strlen(file)};
    palisade_plugin_fault_abort(&says, &where, line, 0);
    __builtin_trap(); /* It does not return. */
}

/* For calls through a pointer, which the macro of this name does not reach. */
#undef abort
_Noreturn void abort(void) {
    palisade_abort("abort() was called", "", 0);
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    return __builtin_memcpy(to, from, length);
}

void *memset(void *to, int value, size_t length) {
    return __builtin_memset(to, value, length);
}

int memcmp(const void *left, const void *right, size_t length) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    /* At 0 there is memory like any other. A volatile copy, since the compiler knows that no
     * other strlen is given NULL. */
    const char *volatile given = text;
    if (given == NULL) {
        palisade_abort("NULL is given in place of a text", "", 0);
    }
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
