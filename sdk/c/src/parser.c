/* Puts the chunks of a call before a parser, with what earlier ones left over; see
 * palisade-parser.h. */
#include "guest.h"
#ifdef EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_NO
#include "events.h"

/* Two directions of the most sessions that an instance serves at a time. */
#define LEFTOVERS 128u

/* Bytes of one direction that come again within the call. */
struct leftover {
    bool used;
    uint32_t session;
    bool to_client;
    uint64_t offset; /* of the first byte in the stream */
    size_t wanted;   /* how many there must be before it makes sense to look again */
    struct bytes bytes;
};

static struct palisade_events events;
static struct leftover leftovers[LEFTOVERS];

struct palisade_outcome palisade_done(void) {
    return (struct palisade_outcome){EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_DONE, 0, 0, NULL};
}

struct palisade_outcome palisade_incomplete(size_t consumed, size_t needed) {
    return (struct palisade_outcome){EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_INCOMPLETE, consumed, needed, NULL};
}

struct palisade_outcome palisade_error(size_t offset, const char *message) {
    return (struct palisade_outcome){EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_ERROR, offset, 0, message};
}

struct palisade_outcome palisade_handover(size_t offset) {
    return (struct palisade_outcome){EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_HANDOVER, offset, 0, NULL};
}

static struct palisade_chunk view(const exports_palisade_plugin_parse_chunk_t *chunk, const guest_list_u8_t *arena) {
    return (struct palisade_chunk){
        .session = chunk->session,
        .to_client = chunk->direction == EXPORTS_PALISADE_PLUGIN_PARSE_CHUNK_DIRECTION_TO_CLIENT,
        .transport = chunk->transport,
        .port = chunk->port,
        .offset = chunk->offset,
        .gap = chunk->gap,
        .end = chunk->end,
        .bytes = arena->ptr + chunk->start,
        .length = chunk->length,
    };
}

static struct leftover *leftover_of(const struct palisade_chunk *chunk) {
    for (size_t i = 0; i < LEFTOVERS; i++) {
        if (leftovers[i].used && leftovers[i].session == chunk->session &&
            leftovers[i].to_client == chunk->to_client) {
            return &leftovers[i];
        }
    }
    return NULL;
}

static struct leftover *new_leftover(const struct palisade_chunk *chunk) {
    for (size_t i = 0; i < LEFTOVERS; i++) {
        if (!leftovers[i].used) {
            leftovers[i].used = true;
            leftovers[i].session = chunk->session;
            leftovers[i].to_client = chunk->to_client;
            leftovers[i].bytes.length = 0;
            return &leftovers[i];
        }
    }
    abort();
}

/* Keeps the bytes from `consumed` on for the next chunk of the direction. */
static void keep(struct leftover *in, const struct palisade_chunk *seen, size_t consumed, size_t needed) {
    size_t rest = seen->length - consumed;
    if (in->bytes.length == 0) {
        bytes_append(&in->bytes, seen->bytes + consumed, rest);
    } else if (consumed > 0) {
        /* The parser saw these very bytes; they move down. */
        for (size_t i = 0; i < rest; i++) {
            in->bytes.ptr[i] = in->bytes.ptr[consumed + i];
        }
        in->bytes.length = rest;
    }
    in->offset = seen->offset + consumed;
    in->wanted = rest + needed;
}

static bool another_follows(const exports_palisade_plugin_parse_list_chunk_t *chunks, size_t at) {
    for (size_t i = at + 1; i < chunks->len; i++) {
        if (chunks->ptr[i].session == chunks->ptr[at].session &&
            chunks->ptr[i].direction == chunks->ptr[at].direction) {
            return true;
        }
    }
    return false;
}

/* Appends a text to a message of a call that is about to fault. */
static void say(struct palisade_writer *says, const char *before, size_t number, const char *after) {
    palisade_put(says, before);
    palisade_put_u64(says, number);
    palisade_put(says, after);
}

/* Refuses what a parser said of bytes that it was not shown. */
static void check(const struct palisade_outcome *outcome, size_t shown) {
    static const char *const names[] = {
        [EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_INCOMPLETE] = "palisade_incomplete(",
        [EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_ERROR] = "palisade_error(",
        [EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_HANDOVER] = "palisade_handover(",
    };
    if (outcome->tag >= sizeof names / sizeof *names) {
        palisade_abort("the parser answered with no outcome; answer with palisade_done() and the like", "", 0);
    }
    if (names[outcome->tag] == NULL) {
        return;
    }
    bool is_error = outcome->tag == EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_ERROR;
    if (is_error && outcome->message == NULL) {
        palisade_abort("palisade_error is given NULL in place of a message", "", 0);
    }
    if (outcome->at <= shown) {
        return;
    }
    char text[256];
    struct palisade_writer says = {(uint8_t *)text, 0, sizeof text - 1};
    say(&says, names[outcome->tag], outcome->at, ", …): the parser was shown ");
    say(&says, "", shown, " bytes; it counts from the first of `chunk->bytes`");
    text[says.length] = '\0';
    palisade_abort(text, "", 0);
}

static void answer(exports_palisade_plugin_parse_outcome_t *to, const struct palisade_outcome *outcome, size_t shown) {
    /* No call has more bytes than that. */
    uint32_t at = (uint32_t)outcome->at;
    to->tag = outcome->tag;
    switch (outcome->tag) {
    case EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_INCOMPLETE:
        to->val.incomplete.kept = (uint32_t)(shown - outcome->at);
        to->val.incomplete.needed = (uint32_t)outcome->needed;
        break;
    case EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_ERROR:
        to->val.error.offset = at;
        guest_string_dup(&to->val.error.message, outcome->message);
        break;
    case EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_HANDOVER:
        to->val.handover = at;
        break;
    default:
        break;
    }
}

/* Datagrams stand alone: nothing of one comes again, and a bad one ends nothing. */
static bool is_datagram(const exports_palisade_plugin_parse_chunk_t *chunk) {
    return chunk->transport != PALISADE_TRANSPORT_TCP;
}

/* Whether what was said of a chunk ends its session. */
static bool ends(const exports_palisade_plugin_parse_chunk_t *chunk, uint8_t tag) {
    return tag == EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_HANDOVER ||
           (tag == EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_ERROR && !is_datagram(chunk));
}

/* Whether an earlier chunk of the call ended the session. */
static bool is_over(const exports_palisade_plugin_parse_list_chunk_t *chunks,
                    const exports_palisade_plugin_parse_list_outcome_t *outcomes, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (chunks->ptr[i].session == chunks->ptr[at].session && ends(&chunks->ptr[i], outcomes->ptr[i].tag)) {
            return true;
        }
    }
    return false;
}

void palisade_parse(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                    exports_palisade_plugin_parse_parsed_t *parsed, palisade_parser *parser) {
    bool any_over = false;
    parsed->outcomes.len = chunks->len;
    parsed->outcomes.ptr = chunks->len == 0 ? NULL : calloc_or_abort(chunks->len, sizeof *parsed->outcomes.ptr);
    for (size_t at = 0; at < chunks->len; at++) {
        if (any_over && is_over(chunks, &parsed->outcomes, at)) {
            continue; /* which says `done` */
        }
        struct palisade_chunk seen = view(&chunks->ptr[at], arena);
        struct leftover *before = leftover_of(&seen);
        if (before != NULL && seen.gap > 0) {
            /* Across a gap nothing continues. */
            before->used = false;
            before = NULL;
        }
        bool enough = true;
        if (before != NULL) {
            bytes_append(&before->bytes, seen.bytes, seen.length);
            seen.bytes = before->bytes.ptr;
            seen.length = before->bytes.length;
            seen.offset = before->offset;
            enough = seen.end || seen.length >= before->wanted;
        }
        events.chunk = (uint32_t)at;
        struct palisade_outcome outcome =
            enough ? parser(&seen, &events) : palisade_incomplete(0, before->wanted - seen.length);
        check(&outcome, seen.length);
        if (outcome.tag == EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_INCOMPLETE && !is_datagram(&chunks->ptr[at]) &&
            another_follows(chunks, at)) {
            keep(before != NULL ? before : new_leftover(&seen), &seen, outcome.at, outcome.needed);
        } else if (before != NULL) {
            before->used = false;
        }
        any_over |= ends(&chunks->ptr[at], outcome.tag);
        answer(&parsed->outcomes.ptr[at], &outcome, seen.length);
    }
    events_into(&events, &parsed->tables);
    exports_palisade_plugin_parse_list_chunk_free(chunks);
    guest_list_u8_free(arena);
}

void palisade_probe(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                    exports_palisade_plugin_parse_list_recognition_t *answers, palisade_prober *prober) {
    answers->len = chunks->len;
    answers->ptr = chunks->len == 0 ? NULL : calloc_or_abort(chunks->len, sizeof *answers->ptr);
    for (size_t at = 0; at < chunks->len; at++) {
        struct palisade_chunk seen = view(&chunks->ptr[at], arena);
        answers->ptr[at] = prober(&seen);
    }
    exports_palisade_plugin_parse_list_chunk_free(chunks);
    guest_list_u8_free(arena);
}

#endif
