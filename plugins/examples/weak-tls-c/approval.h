/* What the operator approves, read from the settings. */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "palisade.h"

struct sunset {
    guest_string_t version;
    guest_string_t day;
    uint64_t due;
};

/* Reads and checks the settings; the strings stay where they are. */
bool approval_read(const exports_palisade_plugin_plugin_list_setting_t *settings,
                   exports_palisade_plugin_plugin_settings_error_t *error);

/* Whether the version is none of those approved. */
bool approval_is_old(guest_string_t version);

/* The first forbidden word in the name of a cipher suite; NULL when there is none. */
const guest_string_t *approval_forbidden(guest_string_t cipher);

/* When the version is retired; NULL when no day is announced. */
const struct sunset *approval_sunset(guest_string_t version);

#endif
