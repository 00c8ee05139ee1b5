/* See approval.h. */
#include "approval.h"

#define SUNSETS 64u

static guest_list_string_t oldest, forbidden;
static struct sunset sunsets[SUNSETS];
static size_t sunset_count;

static bool same(guest_string_t left, guest_string_t right) {
    return left.len == right.len && memcmp(left.ptr, right.ptr, left.len) == 0;
}

static guest_string_t part(guest_string_t text, size_t from, size_t to) {
    return (guest_string_t){text.ptr + from, to - from};
}

/* A whole number; false when `text` is none or too long for one. */
static bool number(guest_string_t text, uint32_t *value) {
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        *value = *value * 10 + (text.ptr[i] - '0');
    }
    return text.len > 0 && text.len < 10;
}

/* Protocol and number of `TLS1.2` and the like. */
static bool split(guest_string_t version, guest_string_t *protocol, uint32_t *value) {
    size_t at = 0, dot;
    while (at < version.len && (version.ptr[at] < '0' || version.ptr[at] > '9')) {
        at++;
    }
    for (dot = at; dot < version.len && version.ptr[dot] != '.'; dot++) {
    }
    uint32_t major, minor;
    if (dot == version.len || !number(part(version, at, dot), &major) ||
        !number(part(version, dot + 1, version.len), &minor)) {
        return false;
    }
    *protocol = part(version, 0, at);
    *value = major << 8 | minor;
    return true;
}

/* The first instant, in UTC, of a day from 1970 on written as `2030-01-01`. */
static bool midnight(guest_string_t day, uint64_t *due) {
    uint32_t year, month, date;
    if (day.len != 10 || day.ptr[4] != '-' || day.ptr[7] != '-' || !number(part(day, 0, 4), &year) ||
        !number(part(day, 5, 7), &month) || !number(part(day, 8, 10), &date)) {
        return false;
    }
    if (year < 1970 || year >= 2500 || month < 1 || month > 12 || date < 1 || date > 31) {
        return false;
    }
    /* Counted in years that begin in March, so that the leap day comes last. */
    uint64_t years = month > 2 ? year : year - 1;
    uint64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    uint64_t days = 365 * years + years / 4 - years / 100 + years / 400 + of_year;
    *due = (days - 719468) * PALISADE_DAY;
    return true;
}

static bool texts(const exports_palisade_plugin_plugin_list_setting_t *settings, const char *name,
                  guest_list_string_t *value, exports_palisade_plugin_plugin_settings_error_t *error) {
    const exports_palisade_plugin_plugin_setting_t *setting = palisade_setting(settings, name);
    if (setting == NULL || setting->value.tag != EXPORTS_PALISADE_PLUGIN_PLUGIN_SETTING_VALUE_TEXTS) {
        return palisade_refuse(error, name, "is not a list of texts");
    }
    *value = setting->value.val.texts;
    return true;
}

bool approval_read(const exports_palisade_plugin_plugin_list_setting_t *settings,
                   exports_palisade_plugin_plugin_settings_error_t *error) {
    guest_list_string_t announced;
    if (!texts(settings, "min-version", &oldest, error) || !texts(settings, "forbidden-ciphers", &forbidden, error) ||
        !texts(settings, "sunset", &announced, error)) {
        return false;
    }
    guest_string_t protocol;
    uint32_t value;
    for (size_t i = 0; i < oldest.len; i++) {
        if (!split(oldest.ptr[i], &protocol, &value)) {
            return palisade_refuse(error, "min-version", "is not a version such as TLS1.2");
        }
    }
    if (announced.len > SUNSETS) {
        return palisade_refuse(error, "sunset", "has more than 64 entries");
    }
    for (sunset_count = 0; sunset_count < announced.len; sunset_count++) {
        guest_string_t entry = announced.ptr[sunset_count];
        struct sunset *to = &sunsets[sunset_count];
        size_t at = 0;
        while (at < entry.len && entry.ptr[at] != '=') {
            at++;
        }
        if (at == entry.len) {
            return palisade_refuse(error, "sunset", "is not like TLS1.2=2030-01-01");
        }
        to->version = part(entry, 0, at);
        to->day = part(entry, at + 1, entry.len);
        if (!split(to->version, &protocol, &value) || !midnight(to->day, &to->due)) {
            return palisade_refuse(error, "sunset", "is not like TLS1.2=2030-01-01");
        }
    }
    return true;
}

bool approval_is_old(guest_string_t version) {
    guest_string_t protocol, other;
    uint32_t value, least;
    if (!split(version, &protocol, &value)) {
        return true;
    }
    for (size_t i = 0; i < oldest.len; i++) {
        if (split(oldest.ptr[i], &other, &least) && same(protocol, other) && value >= least) {
            return false;
        }
    }
    return true;
}

const guest_string_t *approval_forbidden(guest_string_t cipher) {
    for (size_t i = 0; i < forbidden.len; i++) {
        const guest_string_t *word = &forbidden.ptr[i];
        for (size_t at = 0; at + word->len <= cipher.len; at++) {
            size_t end = at + word->len;
            if ((at == 0 || cipher.ptr[at - 1] == '_') && (end == cipher.len || cipher.ptr[end] == '_') &&
                memcmp(cipher.ptr + at, word->ptr, word->len) == 0) {
                return word;
            }
        }
    }
    return NULL;
}

const struct sunset *approval_sunset(guest_string_t version) {
    for (size_t i = 0; i < sunset_count; i++) {
        if (same(sunsets[i].version, version)) {
            return &sunsets[i];
        }
    }
    return NULL;
}
