/* Shared by events.c and parser.c; not for plugins. */
#ifndef PALISADE_EVENTS_H
#define PALISADE_EVENTS_H

#include "palisade-parser.h"

/* What the interface allows, and more columns than any kind has fields. */
#define TABLES 16u
#define COLUMNS 96u

struct bytes {
    uint8_t *ptr;
    size_t length;
    size_t room;
};

struct column {
    uint32_t field;
    const char *attribute; /* NULL for a field of the kind */
    uint8_t tag;           /* EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_… */
    size_t rows;           /* that have an entry, be it an absent one */
    struct bytes values;
    struct bytes offsets; /* of text */
    struct bytes valid;   /* empty while no row lacks the field */
};

struct table {
    uint8_t kind;
    size_t rows;
    size_t next;
    size_t columns;
    struct bytes chunks;
    struct column column[COLUMNS];
};

struct palisade_events {
    uint32_t chunk;
    size_t count;
    struct table *current;
    struct table tables[TABLES];
};

void bytes_append(struct bytes *to, const void *from, size_t length);
void *calloc_or_abort(size_t count, size_t size);
/* Hands the tables over and begins anew. */
void events_into(struct palisade_events *events, exports_palisade_plugin_parse_list_table_t *to);

#endif
