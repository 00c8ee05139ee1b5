/* Reports TLS and DTLS handshakes below the approved versions and ciphers, and asks for
 * an upgrade where the version's end is announced. */
#include "approval.h"
#include "palisade.h"

#define RULE "IOT-2.3a"
/* Address and version of handshakes whose upgrade was asked for. */
#define TOLD 0

typedef palisade_plugin_types_attribute_t attribute;
typedef palisade_plugin_findings_action_t action;

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    /* The approval keeps the strings, so the settings are not freed. */
    return approval_read(settings, error);
}

static attribute detail(const char *name, guest_string_t value) {
    attribute out = {.name = palisade_text(name)};
    out.value.tag = PALISADE_PLUGIN_TYPES_ATTRIBUTE_VALUE_TEXT;
    out.value.val.text = value;
    return out;
}

static void weak(guest_string_t subject, uint32_t row, guest_string_t version, guest_string_t cipher, bool old,
                 const guest_string_t *word) {
    char summary[1024];
    struct palisade_writer says = PALISADE_WRITER(summary);
    palisade_put_text(&says, version);
    palisade_put(&says, " with ");
    palisade_put_text(&says, cipher);
    palisade_put(&says, " is not approved: ");
    palisade_put(&says, old ? "version" : "");
    if (word != NULL) {
        palisade_put(&says, old ? ", " : "");
        palisade_put_text(&says, *word);
    }
    attribute details[] = {detail("version", version), detail("cipher", cipher)};
    palisade_plugin_findings_block_scope_t session = PALISADE_PLUGIN_FINDINGS_BLOCK_SCOPE_SESSION;
    action block = {.tag = PALISADE_PLUGIN_FINDINGS_ACTION_BLOCK, .val.block = {&session, 1}};
    palisade_plugin_findings_finding_t finding = {
        .rule = palisade_text(RULE),
        .subject = subject,
        .summary = palisade_written(&says),
        .rows = {&row, 1},
        .details = {details, 2},
        .actions = {&block, 1},
    };
    palisade_plugin_findings_emit(&finding);
}

static void retiring(guest_string_t subject, uint32_t row, guest_string_t version, const struct sunset *sunset) {
    char summary[1024], name[512];
    struct palisade_writer says = PALISADE_WRITER(summary), id = PALISADE_WRITER(name);
    palisade_put_text(&says, version);
    palisade_put(&says, " is retired on ");
    palisade_put_text(&says, sunset->day);
    palisade_put(&id, RULE "/");
    palisade_put_text(&id, subject);
    palisade_put(&id, "/");
    palisade_put_text(&id, version);
    action open = {.tag = PALISADE_PLUGIN_FINDINGS_ACTION_OPEN_OBLIGATION};
    open.val.open_obligation.id = palisade_written(&id);
    open.val.open_obligation.key = subject;
    open.val.open_obligation.duty = palisade_text("upgrade");
    open.val.open_obligation.due = sunset->due;
    open.val.open_obligation.on_expiry = palisade_text("escalate:operator");
    attribute details[] = {detail("version", version)};
    palisade_plugin_findings_finding_t finding = {
        .rule = palisade_text(RULE),
        .severity = {true, PALISADE_SEVERITY_LOW},
        .subject = subject,
        .summary = palisade_written(&says),
        .rows = {&row, 1},
        .details = {details, 1},
        .actions = {&open, 1},
    };
    palisade_plugin_findings_emit(&finding);
}

/* Whether the upgrade is asked for the first time. */
static bool first(uint32_t row) {
    guest_list_u32_t rows = {&row, 1};
    guest_list_u8_t told;
    palisade_plugin_state_first(TOLD, &rows, &told);
    bool is = told.ptr[0] != 0;
    guest_list_u8_free(&told);
    return is;
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    palisade_plugin_types_text_column_t versions, ciphers, devices;
    guest_list_u64_t times;
    guest_list_u8_t addresses, established, known;
    palisade_plugin_batch_text(PALISADE_FIELD_VERSION, &versions);
    palisade_plugin_batch_text(PALISADE_FIELD_CIPHER, &ciphers);
    palisade_plugin_batch_text(PALISADE_FIELD_OWNER_DEVICE, &devices);
    palisade_plugin_batch_u64s(PALISADE_FIELD_TIME, &times);
    palisade_plugin_batch_addresses(PALISADE_FIELD_SRC_IP, &addresses);
    palisade_plugin_batch_u8s(PALISADE_FIELD_ESTABLISHED, &established);
    palisade_plugin_batch_valid(PALISADE_FIELD_ESTABLISHED, &known);
    for (uint32_t row = 0; row < rows; row++) {
        guest_string_t version = palisade_text_at(&versions, row);
        if (version.len == 0 || (palisade_has(&known, row) && established.ptr[row] == 0)) {
            continue;
        }
        guest_string_t cipher = palisade_text_at(&ciphers, row), device = palisade_text_at(&devices, row);
        const struct sunset *sunset = approval_sunset(version);
        bool old = approval_is_old(version) || (sunset != NULL && sunset->due <= times.ptr[row]);
        const guest_string_t *word = approval_forbidden(cipher);
        char name[256];
        struct palisade_writer subject = PALISADE_WRITER(name);
        palisade_put(&subject, device.len == 0 ? "address:" : "device:");
        if (device.len == 0) {
            palisade_put_address(&subject, palisade_address_at(&addresses, row));
        }
        palisade_put_text(&subject, device);
        if (old || word != NULL) {
            weak(palisade_written(&subject), row, version, cipher, old, word);
        } else if (sunset != NULL && first(row)) {
            retiring(palisade_written(&subject), row, version, sunset);
        }
    }
    palisade_plugin_types_text_column_free(&versions);
    palisade_plugin_types_text_column_free(&ciphers);
    palisade_plugin_types_text_column_free(&devices);
    guest_list_u64_free(&times);
    guest_list_u8_free(&addresses);
    guest_list_u8_free(&established);
    guest_list_u8_free(&known);
}
