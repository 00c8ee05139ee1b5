/* Parses greetings: a line `GREET name`, and its answer `HELLO name`. */
#include "palisade-parser.h"

/* The longest line, in bytes. Whatever a peer can make grow needs a bound. */
#define MAX_LINE 1024u

static struct palisade_attribute name;

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    (void)error;
    name = palisade_attribute("{{name}}.name");
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

/* What a line of each side begins with; both words have the same length. */
#define WORD 6u
static const char *word_of(const struct palisade_chunk *chunk) {
    return chunk->to_client ? "HELLO " : "GREET ";
}

static uint8_t prober(const struct palisade_chunk *chunk) {
    size_t seen = chunk->length < WORD ? chunk->length : WORD;
    if (memcmp(chunk->bytes, word_of(chunk), seen) != 0) {
        return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO;
    }
    return seen < WORD ? EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_MORE
                       : EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_YES;
}

static void event(struct palisade_events *events, bool to_client, const uint8_t *bytes, size_t length) {
    palisade_event(events, PALISADE_KIND_NETWORK_APP);
    palisade_set_text(events, PALISADE_FIELD_PROTOCOL, palisade_text("{{name}}"));
    palisade_set_text(events, PALISADE_FIELD_OPERATION, palisade_text(to_client ? "hello" : "greet"));
    palisade_set_u8(events, PALISADE_FIELD_DIRECTION,
                    to_client ? PALISADE_MESSAGE_DIRECTION_RESPONSE : PALISADE_MESSAGE_DIRECTION_REQUEST);
    /* A device may send bytes that are no text, which no event may hold. */
    uint8_t text[MAX_LINE];
    struct palisade_writer said = PALISADE_WRITER(text);
    palisade_put_lossy(&said, bytes, length);
    palisade_set_attribute(events, name, palisade_written(&said));
}

/* It keeps nothing of a session: lines stand by themselves. */
static struct palisade_outcome parser(const struct palisade_chunk *chunk, struct palisade_events *events) {
    if (chunk->gap > 0) {
        return palisade_error(0, "bytes before this line are missing");
    }
    size_t line = 0;
    for (size_t at = 0; at < chunk->length; at++) {
        if (chunk->bytes[at] != '\n') {
            continue;
        }
        if (at - line < WORD || memcmp(chunk->bytes + line, word_of(chunk), WORD) != 0) {
            return palisade_error(line, "GREET or HELLO, and a name");
        }
        event(events, chunk->to_client, chunk->bytes + line + WORD, at - line - WORD);
        line = at + 1;
    }
    if (chunk->length - line > MAX_LINE) {
        return palisade_error(line, "a line of at most 1024 bytes");
    }
    return line < chunk->length ? palisade_incomplete(line, 0) : palisade_done();
}

void exports_palisade_plugin_parse_probe(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                                         exports_palisade_plugin_parse_list_recognition_t *answers) {
    palisade_probe(chunks, arena, answers, prober);
}

void exports_palisade_plugin_parse_parse(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                                         exports_palisade_plugin_parse_parsed_t *parsed) {
    palisade_parse(chunks, arena, parsed, parser);
}

void exports_palisade_plugin_parse_close(guest_list_u32_t *sessions) {
    guest_list_u32_free(sessions);
}
