/* Write Palisade plugins in C: what the generated bindings (guest.h) leave to the author.
 *
 * guest.h comes from the build; it has the functions and records of just those
 * interfaces that plugin.toml asks for, and its prefix is always `guest`.
 */
#ifndef PALISADE_H
#define PALISADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "palisade-fields.h"

#define PALISADE_MICROSECOND UINT64_C(1000)
#define PALISADE_MILLISECOND (1000 * PALISADE_MICROSECOND)
#define PALISADE_SECOND (1000 * PALISADE_MILLISECOND)
#define PALISADE_MINUTE (60 * PALISADE_SECOND)
#define PALISADE_HOUR (60 * PALISADE_MINUTE)
#define PALISADE_DAY (24 * PALISADE_HOUR)

/* Ends the call as a fault that says what was wrong and where, unless `condition` holds. Its
 * effects are discarded and the event is isolated. */
#define PALISADE_CHECK(condition) \
    ((condition) ? (void)0 : palisade_abort("check failed: " #condition, __FILE__, __LINE__))

/* The id of an attribute, such as palisade_field("attributes.modbus.function"); every other
 * field has a constant in palisade-fields.h, and another name does not compile. Call it once, from
 * configure, and keep the id. In a detector or policy it is a fault, which says the name, when no
 * subscription in plugin.toml lists it. */
uint32_t palisade_field(const char *dotted)
    __attribute__((diagnose_if(__builtin_strncmp(dotted, "attributes.", 11) != 0,
                               "palisade_field is for attributes.NAME; take the constant PALISADE_FIELD_NAME of any other field",
                               "error")));

/* FNV-1a, 32 bits, of what came before and a text. */
#define PALISADE_HASH 0x811c9dc5u
static inline uint32_t palisade_hash(uint32_t hash, const char *text) {
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x01000193u;
    }
    return hash;
}

/* The text, which must be there: NULL is a fault that says which function was given it, and where. */
static inline const char *palisade_given(const char *text, const char *function, const char *file, unsigned line) {
    if (text == NULL) {
        palisade_abort(function, file, line);
    }
    return text;
}

/* A string of the bindings that views `text`; it copies nothing. Imports only read what
 * they are handed. What an export returns, the bindings free: there use guest_string_dup. NULL
 * is a fault. */
static inline guest_string_t palisade_text(const char *text) {
    guest_string_t view;
    view.ptr = (uint8_t *)(uintptr_t)text;
    view.len = strlen(text);
    return view;
}

#define palisade_text(text) \
    palisade_text(palisade_given((text), "palisade_text is given NULL in place of a text", __FILE__, __LINE__))

/* Whether a string of the bindings is this text. */
static inline bool palisade_is(guest_string_t text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

/* Text under construction, in memory of the caller. What does not fit is left out, so an
 * array of the size that a limit states keeps the limit. */
struct palisade_writer {
    uint8_t *bytes;
    size_t length;
    size_t room;
};

/* A writer over an array: struct palisade_writer out = PALISADE_WRITER(array). */
#define PALISADE_WRITER(array) {(uint8_t *)(array), 0, sizeof(array)}

void palisade_put(struct palisade_writer *to, const char *text);
void palisade_put_text(struct palisade_writer *to, guest_string_t text);
/* Bytes that need not be text: what is not UTF-8 becomes U+FFFD. */
void palisade_put_lossy(struct palisade_writer *to, const uint8_t *bytes, size_t length);
/* In decimal. */
void palisade_put_u64(struct palisade_writer *to, uint64_t value);
void palisade_put_i64(struct palisade_writer *to, int64_t value);
/* 16 bytes as in a column of addresses, written as in RFC 5952; IPv4 dotted. */
void palisade_put_address(struct palisade_writer *to, const uint8_t address[16]);
/* What was written, viewed in place. */
static inline guest_string_t palisade_written(const struct palisade_writer *from) {
    guest_string_t view;
    view.ptr = from->bytes;
    view.len = from->length;
    return view;
}

/* Row `row` of a column of text, viewed in place. */
static inline guest_string_t palisade_text_at(const palisade_plugin_types_text_column_t *column, size_t row) {
    guest_string_t view;
    view.ptr = column->bytes.ptr + column->offsets.ptr[row];
    view.len = column->offsets.ptr[row + 1] - column->offsets.ptr[row];
    return view;
}

/* Row `row` of a column of addresses: 16 bytes. */
static inline const uint8_t *palisade_address_at(const guest_list_u8_t *column, size_t row) {
    return column->ptr + 16 * row;
}

/* Whether row `row` has the field whose `valid` this is. */
static inline bool palisade_has(const guest_list_u8_t *valid, size_t row) {
    return valid->len == 0 || valid->ptr[row] != 0;
}

/* Copies a setting that is a whole number. When it is missing, of another type, or
 * outside of `least` to `most`, fills in `error`, with file and line, and answers false, which is
 * what configure then returns. */
bool palisade_integer(const exports_palisade_plugin_plugin_list_setting_t *settings, const char *name, int64_t least,
                      int64_t most, int64_t *value, exports_palisade_plugin_plugin_settings_error_t *error,
                      const char *file, unsigned line);
#define palisade_integer(settings, name, least, most, value, error) \
    palisade_integer((settings), (name), (least), (most), (value), (error), __FILE__, __LINE__)

/* Finds a setting of any type; NULL when the manifest does not declare it. */
const exports_palisade_plugin_plugin_setting_t *
palisade_setting(const exports_palisade_plugin_plugin_list_setting_t *settings, const char *name);

/* Fills in why a setting is refused, with file and line; answers false, as configure then does. */
bool palisade_refuse(exports_palisade_plugin_plugin_settings_error_t *error, const char *name, const char *message,
                     const char *file, unsigned line);
#define palisade_refuse(error, name, message) palisade_refuse((error), (name), (message), __FILE__, __LINE__)

#endif
