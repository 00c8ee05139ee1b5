/* Judges whether a publication may go out. */
#include "palisade.h"

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    (void)error;
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

/* Whether the request, which is the only row, contains exploit code. */
static bool contains_exploit_code(void) {
    bool found = false;
    guest_list_u8_t flags;
    palisade_plugin_batch_u8s(PALISADE_FIELD_CONTAINS, &flags);
    for (size_t i = 0; i < flags.len; i++) {
        found = found || flags.ptr[i] == PALISADE_PLUGIN_TYPES_CONTENT_FLAG_EXPLOIT_CODE;
    }
    guest_list_u8_free(&flags);
    return found;
}

static bool is_publication(void) {
    guest_list_u8_t actions;
    palisade_plugin_batch_u8s(PALISADE_FIELD_ACTION, &actions);
    bool is = actions.len == 1 && actions.ptr[0] == PALISADE_PLUGIN_TYPES_DISCLOSURE_ACTION_PUBLISH;
    guest_list_u8_free(&actions);
    return is;
}

void exports_palisade_plugin_decide_decide(uint32_t subscription,
                                           exports_palisade_plugin_decide_list_judgement_t *judgements) {
    (void)subscription;
    judgements->ptr = NULL;
    judgements->len = 0;
    if (!is_publication()) {
        return;
    }
    /* What an export returns, the bindings free. */
    exports_palisade_plugin_decide_judgement_t *judgement = malloc(sizeof *judgement);
    memset(judgement, 0, sizeof *judgement);
    guest_string_dup(&judgement->rule, "no-exploit-code");
    if (contains_exploit_code()) {
        judgement->verdict.tag = EXPORTS_PALISADE_PLUGIN_DECIDE_VERDICT_DENY;
        guest_string_dup(&judgement->reason, "the publication contains exploit code; take it out");
    } else {
        judgement->verdict.tag = EXPORTS_PALISADE_PLUGIN_DECIDE_VERDICT_PERMIT;
        guest_string_dup(&judgement->reason, "the publication contains no exploit code");
    }
    judgements->ptr = judgement;
    judgements->len = 1;
}
