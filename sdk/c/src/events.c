/* The tables of events that a parser hands back; see palisade-parser.h.
 *
 * Columns are looked for right behind the one that was written last, which is where they
 * nearly always are. Rows that lack a column are caught up with at its next value.
 */
#include "guest.h"
#ifdef EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO
#include "events.h"

#define TEXT EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_TEXT

static void room_for(struct bytes *to, size_t more) {
    if (to->room - to->length >= more) {
        return;
    }
    size_t room = to->room * 2 > to->length + more ? to->room * 2 : to->length + more + 64;
    to->ptr = realloc(to->ptr, room);
    if (to->ptr == NULL) {
        palisade_abort("out of memory", __FILE__, __LINE__);
    }
    to->room = room;
}

void bytes_append(struct bytes *to, const void *from, size_t length) {
    if (length > 0) {
        room_for(to, length);
        memcpy(to->ptr + to->length, from, length);
        to->length += length;
    }
}

static void fill(struct bytes *to, uint8_t value, size_t length) {
    room_for(to, length);
    memset(to->ptr + to->length, value, length);
    to->length += length;
}

static size_t width_of(uint8_t tag) {
    static const uint8_t widths[] = {1, 2, 4, 8, 8, 0};
    return widths[tag];
}

/* Gives every row before `row` an entry. */
static void catch_up(struct column *column, size_t row) {
    if (column->rows == row) {
        return;
    }
    if (column->valid.length < column->rows) {
        fill(&column->valid, 1, column->rows - column->valid.length);
    }
    fill(&column->valid, 0, row - column->rows);
    if (column->tag == TEXT) {
        uint32_t end = (uint32_t)column->values.length;
        for (size_t i = column->rows; i < row; i++) {
            bytes_append(&column->offsets, &end, sizeof end);
        }
    } else {
        fill(&column->values, 0, (row - column->rows) * width_of(column->tag));
    }
    column->rows = row;
}

void palisade_event(struct palisade_events *events, uint8_t kind) {
    size_t at = 0;
    while (at < events->count && events->tables[at].kind != kind) {
        at++;
    }
    if (at == TABLES) {
        palisade_abort("palisade_event: events of more than 16 kinds in one call", __FILE__, __LINE__);
    }
    struct table *table = &events->tables[at];
    if (at == events->count) {
        memset(table, 0, sizeof *table);
        table->kind = kind;
        events->count++;
    }
    bytes_append(&table->chunks, &events->chunk, sizeof events->chunk);
    table->rows++;
    table->next = 0;
    events->current = table;
}

static struct column *find(struct table *table, uint32_t field, const char *attribute, uint8_t tag) {
    for (size_t i = 0; i < table->columns; i++) {
        if (table->column[i].field == field) {
            return &table->column[i];
        }
    }
    if (table->columns == COLUMNS) {
        palisade_abort("palisade_set_…: more than 96 fields in events of one kind", __FILE__, __LINE__);
    }
    struct column *column = &table->column[table->columns++];
    memset(column, 0, sizeof *column);
    column->field = field;
    column->attribute = attribute;
    column->tag = tag;
    if (tag == TEXT) {
        uint32_t start = 0;
        bytes_append(&column->offsets, &start, sizeof start);
    }
    return column;
}

static void set(struct palisade_events *events, uint32_t field, const char *attribute, uint8_t tag, const void *value,
                size_t length) {
    struct table *table = events->current;
    if (table == NULL) {
        palisade_abort("palisade_set_…: there is no event; call palisade_event first", __FILE__, __LINE__);
    }
    struct column *column = &table->column[table->next];
    if (table->next >= table->columns || column->field != field) {
        column = find(table, field, attribute, tag);
    }
    table->next = (size_t)(column - table->column) + 1;
    /* A field has one type; of a field that is set twice the first value stays. */
    if (column->tag != tag) {
        palisade_abort("palisade_set_…: one field is set with values of two types", __FILE__, __LINE__);
    }
    if (column->rows == table->rows) {
        return;
    }
    catch_up(column, table->rows - 1);
    bytes_append(&column->values, value, length);
    if (tag == TEXT) {
        uint32_t end = (uint32_t)column->values.length;
        bytes_append(&column->offsets, &end, sizeof end);
    }
    if (column->valid.length > 0) {
        fill(&column->valid, 1, 1);
    }
    column->rows++;
}

void palisade_set_u8(struct palisade_events *events, uint32_t field, uint8_t value) {
    set(events, field, NULL, EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_U8S, &value, sizeof value);
}

void palisade_set_u16(struct palisade_events *events, uint32_t field, uint16_t value) {
    set(events, field, NULL, EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_U16S, &value, sizeof value);
}

void palisade_set_u32(struct palisade_events *events, uint32_t field, uint32_t value) {
    set(events, field, NULL, EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_U32S, &value, sizeof value);
}

void palisade_set_u64(struct palisade_events *events, uint32_t field, uint64_t value) {
    set(events, field, NULL, EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_U64S, &value, sizeof value);
}

void palisade_set_text(struct palisade_events *events, uint32_t field, guest_string_t value) {
    set(events, field, NULL, TEXT, value.ptr, value.len);
}

struct palisade_attribute palisade_attribute(const char *name) {
    /* The hash of "attributes." and the name. */
    uint32_t hash = palisade_hash(PALISADE_HASH, "attributes.");
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 0x01000193u;
    }
    return (struct palisade_attribute){hash, name};
}

void palisade_set_attribute(struct palisade_events *events, struct palisade_attribute attribute, guest_string_t value) {
    set(events, attribute.field, attribute.name, TEXT, value.ptr, value.len);
}

void palisade_set_number(struct palisade_events *events, struct palisade_attribute attribute, double value) {
    set(events, attribute.field, attribute.name, EXPORTS_PALISADE_PLUGIN_PARSE_VALUES_F64S, &value, sizeof value);
}

/* Every list of numbers has the same shape; which one it is, the tag says. */
static void values_into(struct column *from, exports_palisade_plugin_parse_values_t *to) {
    to->tag = from->tag;
    if (from->tag == TEXT) {
        to->val.text.offsets.ptr = (uint32_t *)(void *)from->offsets.ptr;
        to->val.text.offsets.len = from->offsets.length / sizeof(uint32_t);
        to->val.text.bytes.ptr = from->values.ptr;
        to->val.text.bytes.len = from->values.length;
        return;
    }
    to->val.u8s.ptr = from->values.ptr;
    to->val.u8s.len = from->values.length / width_of(from->tag);
}

void events_into(struct palisade_events *events, exports_palisade_plugin_parse_list_table_t *to) {
    to->len = events->count;
    to->ptr = events->count == 0 ? NULL : calloc_or_abort(events->count, sizeof *to->ptr);
    for (size_t t = 0; t < events->count; t++) {
        struct table *from = &events->tables[t];
        exports_palisade_plugin_parse_table_t *table = &to->ptr[t];
        table->kind = from->kind;
        table->chunks.ptr = (uint32_t *)(void *)from->chunks.ptr;
        table->chunks.len = from->rows;
        table->columns.len = from->columns;
        table->columns.ptr = from->columns == 0 ? NULL : calloc_or_abort(from->columns, sizeof *table->columns.ptr);
        for (size_t c = 0; c < from->columns; c++) {
            struct column *column = &from->column[c];
            exports_palisade_plugin_parse_column_t *out = &table->columns.ptr[c];
            catch_up(column, from->rows);
            out->field = column->field;
            if (column->attribute != NULL) {
                guest_string_dup(&out->attribute, column->attribute);
            }
            out->valid.ptr = column->valid.ptr;
            out->valid.len = column->valid.length;
            values_into(column, &out->values);
        }
    }
    events->count = 0;
    events->current = NULL;
}

void *calloc_or_abort(size_t count, size_t size) {
    void *memory = malloc(count * size);
    if (memory == NULL) {
        palisade_abort("out of memory", __FILE__, __LINE__);
    }
    return memset(memory, 0, count * size);
}

#endif
