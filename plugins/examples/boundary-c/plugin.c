/* The boundary example in C, on the bare bindings. */
#include <stdlib.h>
#include <string.h>

#include "guest.h"

static uint64_t limit;

static uint32_t field(const char *name) {
    uint32_t hash = 0x811c9dc5u;
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 0x01000193u;
    }
    return hash;
}

static guest_string_t text(const char *from) {
    return (guest_string_t){(uint8_t *)from, strlen(from)};
}

static char *decimal(char *to, uint64_t value) {
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0) {
        *to++ = digits[--n];
    }
    return to;
}

static char *append(char *to, const char *from) {
    size_t length = strlen(from);
    memcpy(to, from, length);
    return to + length;
}

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *err) {
    (void)err;
    for (size_t i = 0; i < settings->len; i++) {
        if (settings->ptr[i].value.tag == EXPORTS_PALISADE_PLUGIN_PLUGIN_SETTING_VALUE_INTEGER) {
            limit = (uint64_t)settings->ptr[i].value.val.integer;
        }
    }
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    guest_list_u16_t ports;
    guest_list_u64_t bytes;
    guest_list_u8_t sources;
    palisade_plugin_batch_u16s(field("dst.port"), &ports);
    palisade_plugin_batch_u64s(field("bytes-out"), &bytes);
    palisade_plugin_batch_addresses(field("src.ip"), &sources);
    for (uint32_t row = 0; row < rows; row++) {
        uint16_t port = ports.ptr[row];
        if ((port != 23 && port != 1883 && port != 5683) || bytes.ptr[row] <= limit) {
            continue;
        }
        char subject[64], summary[64];
        char *end = append(subject, "address:");
        for (int i = 12; i < 16; i++) {
            end = decimal(end, sources.ptr[row * 16 + i]);
            *end++ = i < 15 ? '.' : '\0';
        }
        end = decimal(summary, bytes.ptr[row]);
        end = append(end, " bytes sent to port ");
        end = decimal(end, port);
        *end = '\0';
        palisade_plugin_findings_finding_t finding = {
            .rule = text("boundary-1"),
            .subject = text(subject),
            .summary = text(summary),
            .rows = {&row, 1},
        };
        palisade_plugin_findings_emit(&finding);
    }
    guest_list_u16_free(&ports);
    guest_list_u64_free(&bytes);
    guest_list_u8_free(&sources);
}
