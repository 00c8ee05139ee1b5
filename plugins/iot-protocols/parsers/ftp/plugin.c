/* FTP control connections (RFC 959, RFC 4217): commands and replies by line.
 *
 * A command and a reply each become a network.app whose operation is the command; the
 * first reply is the `greeting`, and one that nothing asked for a `notice`. The argument
 * is kept, save that of PASS and ACCT, which are secrets. When the server agrees to AUTH
 * TLS (reply 234), what follows is handed over.
 */
#include "palisade-parser.h"

#define SESSIONS 64u
#define COMMAND 8u
/* RFC 2640 names no limit; no server takes more. */
#define LINE 4096u
/* Commands sent ahead of their replies; of more the oldest is forgotten. */
#define AHEAD 16u

struct name {
    uint8_t letters[COMMAND];
    size_t length;
};

struct session {
    bool used;
    uint32_t number;
    /* Bytes up to the next line end belong to a line whose beginning is lost, by direction. */
    bool torn[2];
    /* The reply whose last line is awaited; 0 when none. */
    uint16_t reply;
    bool greeted;
    /* Commands that wait for their reply, from `first` on. */
    struct name waiting[AHEAD];
    size_t first;
    size_t count;
};

static struct session sessions[SESSIONS];
static size_t oldest;
static struct palisade_attribute argument;

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    (void)error;
    argument = palisade_attribute("ftp.argument");
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

/* The state of a session; a new one takes the place of the oldest where none is free. */
static struct session *session_of(uint32_t number) {
    struct session *free = NULL;
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].used && sessions[i].number == number) {
            return &sessions[i];
        }
        if (!sessions[i].used && free == NULL) {
            free = &sessions[i];
        }
    }
    if (free == NULL) {
        free = &sessions[oldest];
        oldest = (oldest + 1) % SESSIONS;
    }
    memset(free, 0, sizeof *free);
    free->used = true;
    free->number = number;
    return free;
}

static uint8_t upper(uint8_t letter) {
    return letter >= 'a' && letter <= 'z' ? (uint8_t)(letter - 32) : letter;
}

static bool is_digit(uint8_t letter) {
    return letter >= '0' && letter <= '9';
}

/* Whether `bytes` begin with `text`, upper or lower case. */
static bool begins(const uint8_t *bytes, size_t length, const char *text) {
    size_t want = strlen(text);
    if (length < want) {
        return false;
    }
    for (size_t i = 0; i < want; i++) {
        if (upper(bytes[i]) != (uint8_t)text[i]) {
            return false;
        }
    }
    return true;
}

static bool contains(const uint8_t *bytes, size_t length, const char *text) {
    for (size_t i = 0; i < length; i++) {
        if (begins(bytes + i, length - i, text)) {
            return true;
        }
    }
    return false;
}

/* Length of the first line without its end; `length` where it has none yet. */
static size_t line_of(const uint8_t *bytes, size_t length) {
    size_t at = 0;
    while (at < length && bytes[at] != '\n') {
        at++;
    }
    return at;
}

/* Whether a greeting, which begins with 220, says that it is one of FTP. The name of its host
 * does not count: mx.ftp.example may serve mail. */
static uint8_t greeting(const uint8_t *bytes, size_t length) {
    size_t line;
    for (size_t at = 0; at < length; at += line + 1) {
        line = line_of(bytes + at, length - at);
        bool last = begins(bytes + at, line, "220 ");
        size_t text = last || begins(bytes + at, line, "220-") ? 4 : 0;
        size_t word = text;
        bool host = false;
        while (word < line && bytes[at + word] > ' ') {
            host |= bytes[at + word] == '.';
            word++;
        }
        /* A word that is not whole yet may become one. */
        text = host || at + word == length ? word : text;
        if (contains(bytes + at + text, line - text, "FTP")) {
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_YES;
        }
        if (last && at + line < length) {
            /* The greeting is over; what the client says may tell. */
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO;
        }
    }
    return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_MORE;
}

static uint8_t prober(const struct palisade_chunk *chunk) {
    size_t line = line_of(chunk->bytes, chunk->length);
    if (chunk->to_client) {
        /* SMTP greets with 220 as well, and says that it is SMTP. */
        if (chunk->length < 4) {
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_MORE;
        }
        if (!begins(chunk->bytes, chunk->length, "220 ") && !begins(chunk->bytes, chunk->length, "220-")) {
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO;
        }
        if (contains(chunk->bytes, chunk->length, "SMTP") || contains(chunk->bytes, chunk->length, "MAIL")) {
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO;
        }
        return greeting(chunk->bytes, chunk->length);
    }
    /* Commands that FTP alone has. USER and PASS are POP3's as well. */
    static const char *const own[] = {"AUTH TLS\r\n", "AUTH SSL\r\n", "FEAT\r\n", "SYST\r\n", "PASV\r\n",
                                      "EPSV\r\n",     "TYPE ",       "PORT ",    "EPRT ",    "PWD\r\n",
                                      "CWD ",         "STOR ",       "MKD "};
    static const char *const shared[] = {"USER ", "PASS ", "OPTS ", "CLNT ", "HOST "};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (begins(chunk->bytes, chunk->length, own[i])) {
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_YES;
        }
    }
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        if (begins(chunk->bytes, chunk->length, shared[i])) {
            /* The lines after it, or the server's, will tell. */
            for (size_t at = line + 1; at < chunk->length; at += line_of(chunk->bytes + at, chunk->length - at) + 1) {
                for (size_t j = 0; j < sizeof own / sizeof own[0]; j++) {
                    if (begins(chunk->bytes + at, chunk->length - at, own[j])) {
                        return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_YES;
                    }
                }
            }
            return EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_MORE;
        }
    }
    return chunk->length < 5 ? EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_MORE
                             : EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO;
}

static void event(struct palisade_events *out, guest_string_t operation, uint8_t direction) {
    palisade_event(out, PALISADE_KIND_NETWORK_APP);
    palisade_set_text(out, PALISADE_FIELD_PROTOCOL, palisade_text("ftp"));
    palisade_set_text(out, PALISADE_FIELD_OPERATION, operation);
    palisade_set_u8(out, PALISADE_FIELD_DIRECTION, direction);
    palisade_set_u8(out, PALISADE_FIELD_ENCRYPTED, 0);
}

static guest_string_t text_of(const struct name *name) {
    return (guest_string_t){(uint8_t *)(uintptr_t)name->letters, name->length};
}

/* A line of the client; false when it is no command. */
static bool command(struct session *session, const uint8_t *line, size_t length, struct palisade_events *out) {
    struct name name = {.length = 0};
    while (name.length < length && line[name.length] != ' ') {
        uint8_t letter = upper(line[name.length]);
        if (name.length == COMMAND || letter < 'A' || letter > 'Z') {
            return false;
        }
        name.letters[name.length++] = letter;
    }
    if (name.length < 3) {
        return false;
    }
    if (session->count == AHEAD) {
        session->first = (session->first + 1) % AHEAD;
        session->count--;
    }
    session->waiting[(session->first + session->count++) % AHEAD] = name;
    event(out, text_of(&name), PALISADE_MESSAGE_DIRECTION_REQUEST);
    bool secret = begins(name.letters, name.length, "PASS") || begins(name.letters, name.length, "ACCT");
    if (name.length + 1 < length && !secret) {
        char text[1024];
        struct palisade_writer writer = PALISADE_WRITER(text);
        palisade_put_lossy(&writer, line + name.length + 1, length - name.length - 1);
        palisade_set_attribute(out, argument, palisade_written(&writer));
    }
    return true;
}

/* The event of a whole reply: its operation is the command that it answers. */
static void answered(struct session *session, const uint8_t *code, struct palisade_events *out) {
    guest_string_t operation = palisade_text(session->greeted ? "notice" : "greeting");
    if (session->greeted && session->count > 0) {
        operation = text_of(&session->waiting[session->first]);
        if (code[0] != '1') {
            /* A preliminary reply is followed by another one. */
            session->first = (session->first + 1) % AHEAD;
            session->count--;
        }
    }
    session->greeted |= code[0] != '1';
    event(out, operation, PALISADE_MESSAGE_DIRECTION_RESPONSE);
    palisade_set_text(out, PALISADE_FIELD_STATUS, (guest_string_t){(uint8_t *)(uintptr_t)code, 3});
}

/* A line of the server; false when it is no reply. Sets `reply` when it is the last one. */
static bool reply(struct session *session, const uint8_t *line, size_t length, struct palisade_events *out,
                  uint16_t *code) {
    bool numbered = length >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
    uint16_t number = numbered ? (uint16_t)((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0')) : 0;
    bool last = numbered && (length == 3 || line[3] == ' ');
    *code = 0;
    if (session->reply != 0) {
        /* Text of any shape, up to the line with the same number and a space. */
        if (!last || number != session->reply) {
            return true;
        }
    } else if (!numbered || number < 100 || number > 699) {
        return false;
    } else if (!last) {
        session->reply = number;
        return length > 3 && line[3] == '-';
    }
    session->reply = 0;
    *code = number;
    answered(session, line, out);
    return true;
}

static struct palisade_outcome parser(const struct palisade_chunk *chunk, struct palisade_events *out) {
    struct session *session = session_of(chunk->session);
    bool *torn = &session->torn[chunk->to_client];
    if (chunk->gap > 0) {
        /* Which reply answers which command is lost as well. */
        *torn = true;
        session->greeted = true;
        session->reply = 0;
        session->count = 0;
    }
    size_t at = 0;
    while (at < chunk->length) {
        size_t line = line_of(chunk->bytes + at, chunk->length - at);
        if (at + line == chunk->length) {
            if (*torn) {
                break;
            }
            return line > LINE ? palisade_error(at, "a line of at most 4096 bytes") : palisade_incomplete(at, 1);
        }
        size_t length = line > 0 && chunk->bytes[at + line - 1] == '\r' ? line - 1 : line;
        size_t next = at + line + 1;
        if (*torn) {
            *torn = false;
        } else if (chunk->to_client) {
            uint16_t code;
            if (!reply(session, chunk->bytes + at, length, out, &code)) {
                return palisade_error(at, "a reply: three digits and text");
            }
            if (code == 234) {
                return palisade_handover(next);
            }
        } else if (length > 0 && !command(session, chunk->bytes + at, length, out)) {
            return palisade_error(at, "a command of three to eight letters");
        }
        at = next;
    }
    return palisade_done();
}

void exports_palisade_plugin_parse_probe(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                                         exports_palisade_plugin_parse_list_recognition_t *answers) {
    palisade_probe(chunks, arena, answers, prober);
}

void exports_palisade_plugin_parse_parse(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                                         exports_palisade_plugin_parse_parsed_t *parsed) {
    palisade_parse(chunks, arena, parsed, parser);
}

void exports_palisade_plugin_parse_close(guest_list_u32_t *closed) {
    for (size_t i = 0; i < closed->len; i++) {
        for (size_t j = 0; j < SESSIONS; j++) {
            if (sessions[j].used && sessions[j].number == closed->ptr[i]) {
                sessions[j].used = false;
            }
        }
    }
    guest_list_u32_free(closed);
}
