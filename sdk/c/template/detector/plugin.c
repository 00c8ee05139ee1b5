/* Reports flows to a port that nobody should use. */
#include "palisade.h"

static int64_t forbidden;

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    bool fine = palisade_integer(settings, "port", 1, 65535, &forbidden, error);
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return fine;
}

static void report(uint32_t row, const uint8_t *source, uint16_t port) {
    char subject[64], summary[64];
    struct palisade_writer about = PALISADE_WRITER(subject), says = PALISADE_WRITER(summary);
    palisade_put(&about, "address:");
    palisade_put_address(&about, source);
    palisade_put(&says, "flow to port ");
    palisade_put_u64(&says, port);
    palisade_plugin_findings_finding_t finding = {
        .rule = palisade_text("forbidden-port"),
        .subject = palisade_written(&about),
        .summary = palisade_written(&says),
        .rows = {&row, 1},
    };
    palisade_plugin_findings_emit(&finding);
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    /* A column has one value a row; a port that the flow does not have is 0. */
    guest_list_u16_t ports;
    guest_list_u8_t sources;
    palisade_plugin_batch_u16s(PALISADE_FIELD_DST_PORT, &ports);
    palisade_plugin_batch_addresses(PALISADE_FIELD_SRC_IP, &sources);
    for (uint32_t row = 0; row < rows; row++) {
        if (ports.ptr[row] == forbidden) {
            report(row, palisade_address_at(&sources, row), ports.ptr[row]);
        }
    }
    guest_list_u16_free(&ports);
    guest_list_u8_free(&sources);
}
