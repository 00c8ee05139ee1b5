/* Reports flows that send much to a port of a cleartext protocol, reading whole rows.
 *
 * Rows are the convenient way, and the slow one: a rule fetches the few rows that its columns
 * point at. This one fetches all, so that the two ways can be compared.
 */
#include "palisade.h"

#define ROWS 1024u /* of the largest batch */

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

static void report(uint32_t row, const palisade_plugin_network_flow_event_t *flow) {
    char subject[64], summary[64];
    struct palisade_writer about = PALISADE_WRITER(subject), says = PALISADE_WRITER(summary);
    palisade_put(&about, "address:");
    palisade_put_text(&about, flow->src.ip);
    palisade_put_u64(&says, flow->bytes_out);
    palisade_put(&says, " bytes sent to port ");
    palisade_put_u64(&says, flow->dst.port.val);
    palisade_plugin_findings_finding_t finding = {
        .rule = palisade_text("rows-1"),
        .subject = palisade_written(&about),
        .summary = palisade_written(&says),
        .rows = {&row, 1},
    };
    palisade_plugin_findings_emit(&finding);
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    static uint32_t numbers[ROWS];
    for (uint32_t row = 0; row < rows; row++) {
        numbers[row] = row;
    }
    guest_list_u32_t all = {numbers, rows};
    palisade_plugin_network_flow_list_event_t flows;
    palisade_plugin_network_flow_rows(&all, &flows);
    for (uint32_t row = 0; row < flows.len; row++) {
        const palisade_plugin_network_flow_event_t *flow = &flows.ptr[row];
        if (flow->dst.port.is_some && is_cleartext(flow->dst.port.val) && flow->bytes_out > (uint64_t)limit) {
            report(row, flow);
        }
    }
    palisade_plugin_network_flow_list_event_free(&flows);
}
