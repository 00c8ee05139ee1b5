/* Reports flows that send much to a port of a cleartext protocol. */
#include "palisade.h"

static int64_t limit;

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    bool fine = palisade_integer(settings, "bytes-out-over", 0, INT64_MAX, &limit, error);
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return fine;
}

/* Telnet, MQTT and CoAP. */
static bool is_cleartext(uint16_t port) {
    return port == 23 || port == 1883 || port == 5683;
}

/* Rows that are compared in one go. */
#define BLOCK 16

/* Which of at most BLOCK rows are to be reported, a bit for each. A function without a call or a
   loop of its own, so that its variables stay in registers: a loop checks the time that the plugin
   may take in every round, and saves them for that. */
__attribute__((noinline)) static uint32_t compare(const uint16_t *ports, const uint64_t *bytes,
                                                  uint32_t count, uint64_t over) {
    uint32_t found = 0;
#pragma clang loop unroll(full)
    for (uint32_t row = 0; row < BLOCK; row++) {
        if (row < count && is_cleartext(ports[row]) && bytes[row] > over) {
            found |= UINT32_C(1) << row;
        }
    }
    return found;
}

static void report(uint32_t row, const uint8_t *source, uint16_t port, uint64_t bytes) {
    char subject[64], summary[64];
    struct palisade_writer about = PALISADE_WRITER(subject), says = PALISADE_WRITER(summary);
    palisade_put(&about, "address:");
    palisade_put_address(&about, source);
    palisade_put_u64(&says, bytes);
    palisade_put(&says, " bytes sent to port ");
    palisade_put_u64(&says, port);
    palisade_plugin_findings_finding_t finding = {
        .rule = palisade_text("boundary-1"),
        .subject = palisade_written(&about),
        .summary = palisade_written(&says),
        .rows = {&row, 1},
    };
    palisade_plugin_findings_emit(&finding);
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    guest_list_u16_t ports;
    guest_list_u64_t bytes;
    guest_list_u8_t sources;
    palisade_plugin_batch_u16s(PALISADE_FIELD_DST_PORT, &ports);
    palisade_plugin_batch_u64s(PALISADE_FIELD_BYTES_OUT, &bytes);
    palisade_plugin_batch_addresses(PALISADE_FIELD_SRC_IP, &sources);
    for (uint32_t first = 0; first < rows; first += BLOCK) {
        uint32_t count = rows - first < BLOCK ? rows - first : BLOCK;
        uint32_t found = compare(ports.ptr + first, bytes.ptr + first, count, (uint64_t)limit);
        for (; found != 0; found &= found - 1) {
            uint32_t row = first + (uint32_t)__builtin_ctz(found);
            report(row, palisade_address_at(&sources, row), ports.ptr[row], bytes.ptr[row]);
        }
    }
    guest_list_u16_free(&ports);
    guest_list_u64_free(&bytes);
    guest_list_u8_free(&sources);
}
