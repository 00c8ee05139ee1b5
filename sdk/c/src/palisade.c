/* See palisade.h. */
#include "palisade.h"
/* From the build: PALISADE_LISTED, the ids of the attributes that subscriptions list; not
 * defined for a parser, which has none. */
#include "palisade-manifest.h"

uint32_t palisade_field(const char *dotted) {
    uint32_t id = palisade_hash(PALISADE_HASH, dotted);
#ifdef PALISADE_LISTED
    static const uint32_t listed[] = {PALISADE_LISTED};
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++) {
        if (listed[i] == id) {
            return id;
        }
    }
    char text[256];
    struct palisade_writer says = {(uint8_t *)text, 0, sizeof text - 1};
    palisade_put(&says, "palisade_field(\"");
    palisade_put(&says, dotted);
    palisade_put(&says, "\"): no subscription in plugin.toml lists it in its `fields`");
    text[says.length] = '\0';
    palisade_abort(text, __FILE__, __LINE__);
#else
    return id;
#endif
}

static void put_bytes(struct palisade_writer *to, const uint8_t *bytes, size_t length) {
    size_t left = to->room - to->length;
    if (length > left) {
        length = left;
        /* Not within a character: half of one is not UTF-8, which traps. */
        while (length > 0 && (bytes[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    memcpy(to->bytes + to->length, bytes, length);
    to->length += length;
}

void palisade_put(struct palisade_writer *to, const char *text) {
    put_bytes(to, (const uint8_t *)text, strlen(text));
}

void palisade_put_text(struct palisade_writer *to, guest_string_t text) {
    put_bytes(to, text.ptr, text.len);
}

/* How many bytes the character at `bytes` has; 0 when it is not UTF-8. */
static size_t character(const uint8_t *bytes, size_t length) {
    uint8_t lead = bytes[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t count = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || length < count) {
        return 0;
    }
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Neither longer than need be, nor a surrogate, nor beyond U+10FFFF. */
    bool wrong = (lead == 0xe0 && bytes[1] < 0xa0) || (lead == 0xed && bytes[1] > 0x9f) ||
                 (lead == 0xf0 && bytes[1] < 0x90) || (lead == 0xf4 && bytes[1] > 0x8f);
    return wrong ? 0 : count;
}

void palisade_put_lossy(struct palisade_writer *to, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        size_t count = character(bytes + at, length - at);
        put_bytes(to, count > 0 ? bytes + at : (const uint8_t *)"\xef\xbf\xbd", count > 0 ? count : 3);
        at += count > 0 ? count : 1;
    }
}

void palisade_put_u64(struct palisade_writer *to, uint64_t value) {
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put_bytes(to, digits + at, sizeof digits - at);
}

void palisade_put_i64(struct palisade_writer *to, int64_t value) {
    if (value < 0) {
        palisade_put(to, "-");
    }
    palisade_put_u64(to, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void put_hex(struct palisade_writer *to, unsigned group) {
    uint8_t digits[4];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)"0123456789abcdef"[group & 15];
        group >>= 4;
    } while (group != 0);
    put_bytes(to, digits + at, sizeof digits - at);
}

void palisade_put_address(struct palisade_writer *to, const uint8_t address[16]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(address, mapped, sizeof mapped) == 0) {
        for (int i = 12; i < 16; i++) {
            palisade_put_u64(to, address[i]);
            if (i < 15) {
                palisade_put(to, ".");
            }
        }
        return;
    }
    /* The first of the longest runs of at least two zero groups becomes `::`. */
    int run = 8, length = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && address[2 * (i + n)] == 0 && address[2 * (i + n) + 1] == 0) {
            n++;
        }
        if (n > length) {
            run = i;
            length = n;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            palisade_put(to, "::");
            i += length - 1;
            continue;
        }
        if (i > 0 && i != run + length) {
            palisade_put(to, ":");
        }
        put_hex(to, (unsigned)address[2 * i] << 8 | address[2 * i + 1]);
    }
}

const exports_palisade_plugin_plugin_setting_t *
palisade_setting(const exports_palisade_plugin_plugin_list_setting_t *settings, const char *name) {
    for (size_t i = 0; i < settings->len; i++) {
        if (palisade_is(settings->ptr[i].name, name)) {
            return &settings->ptr[i];
        }
    }
    return NULL;
}

bool(palisade_refuse)(exports_palisade_plugin_plugin_settings_error_t *error, const char *name, const char *message,
                      const char *file, unsigned line) {
    uint8_t text[512];
    struct palisade_writer says = PALISADE_WRITER(text);
    palisade_put(&says, palisade_given(message, "palisade_refuse is given NULL in place of a text", file, line));
    palisade_put(&says, " (");
    palisade_put(&says, file);
    palisade_put(&says, ":");
    palisade_put_u64(&says, line);
    palisade_put(&says, ")");
    guest_string_dup(&error->name, palisade_given(name, "palisade_refuse is given NULL in place of a name", file, line));
    guest_string_dup_n(&error->message, (const char *)says.bytes, says.length);
    return false;
}

bool(palisade_integer)(const exports_palisade_plugin_plugin_list_setting_t *settings, const char *name, int64_t least,
                       int64_t most, int64_t *value, exports_palisade_plugin_plugin_settings_error_t *error,
                       const char *file, unsigned line) {
    const exports_palisade_plugin_plugin_setting_t *setting = palisade_setting(settings, name);
    if (setting == NULL) {
        return (palisade_refuse)(error, name, "is not declared in plugin.toml", file, line);
    }
    if (setting->value.tag != EXPORTS_PALISADE_PLUGIN_PLUGIN_SETTING_VALUE_INTEGER) {
        return (palisade_refuse)(error, name, "is not a whole number; see its type in plugin.toml", file, line);
    }
    int64_t given = setting->value.val.integer;
    if (given < least || given > most) {
        char text[128];
        struct palisade_writer says = {(uint8_t *)text, 0, sizeof text - 1};
        palisade_put_i64(&says, given);
        palisade_put(&says, " is out of range; the code takes ");
        palisade_put_i64(&says, least);
        palisade_put(&says, " to ");
        palisade_put_i64(&says, most);
        text[says.length] = '\0';
        return (palisade_refuse)(error, name, text, file, line);
    }
    *value = given;
    return true;
}
