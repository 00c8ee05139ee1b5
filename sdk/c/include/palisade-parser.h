/* Write parsers in C: chunks with what was left over before them, and events by field.
 *
 *     void exports_palisade_plugin_parse_parse(chunks, arena, parsed) {
 *         palisade_parse(chunks, arena, parsed, my_parser);
 *     }
 *
 * A parser keeps no bytes. What it leaves with palisade_incomplete comes again ahead of
 * the next bytes of that direction, whether they are in this call or a later one. Datagrams,
 * which is whatever does not come by TCP, stand alone: nothing of one comes again, and a bad or
 * incomplete one is counted and passed over. Forget nothing because of it; anybody can forge
 * one.
 */
#ifndef PALISADE_PARSER_H
#define PALISADE_PARSER_H

#include "palisade.h"

/* A run of bytes of one direction of one session: of a stream where it came by TCP, otherwise
 * one datagram, as much of it as the capture holds. */
struct palisade_chunk {
    uint32_t session;  /* unique for the life of the instance */
    bool to_client;    /* else from the side that opened the flow */
    uint8_t transport; /* PALISADE_TRANSPORT_TCP and so on */
    uint16_t port;     /* the server's: a hint, never a proof */
    uint64_t offset;   /* of the first byte in this direction's stream */
    uint32_t gap;      /* bytes missing right before; UINT32_MAX: that many or more */
    bool end;          /* no more bytes will come in this direction */
    const uint8_t *bytes;
    size_t length;
};

/* What becomes of a chunk's bytes. */
struct palisade_outcome {
    uint8_t tag; /* EXPORTS_PALISADE_PLUGIN_PARSE_OUTCOME_… */
    size_t at;
    size_t needed;
    const char *message;
};

/* Every byte is done with. */
struct palisade_outcome palisade_done(void);
/* The bytes from `consumed` on come again, with at least `needed` more (0: unknown). */
struct palisade_outcome palisade_incomplete(size_t consumed, size_t needed);
/* The chunk makes no sense from `offset` on; `message` says what was expected there. A stream is
 * parsed no further, a datagram is passed over. */
struct palisade_outcome palisade_error(size_t offset, const char *message);
/* From `offset` on the session speaks something else and is recognised afresh. */
struct palisade_outcome palisade_handover(size_t offset);

/* The events of a call. */
struct palisade_events;

/* Starts an event that the current chunk completes; the setters below fill it in. The host
 * adds envelope, flow, endpoints, transport and time. */
void palisade_event(struct palisade_events *events, uint8_t kind);
/* Each sets a field of the event that was started last, once. */
void palisade_set_u8(struct palisade_events *events, uint32_t field, uint8_t value);
void palisade_set_u16(struct palisade_events *events, uint32_t field, uint16_t value);
void palisade_set_u32(struct palisade_events *events, uint32_t field, uint32_t value);
void palisade_set_u64(struct palisade_events *events, uint32_t field, uint64_t value);
void palisade_set_text(struct palisade_events *events, uint32_t field, guest_string_t value);

/* An attribute; palisade_attribute("ftp.argument") once, from configure. */
struct palisade_attribute {
    uint32_t field;
    const char *name;
};
struct palisade_attribute palisade_attribute(const char *name);
void palisade_set_attribute(struct palisade_events *events, struct palisade_attribute attribute, guest_string_t value);
/* A number; whole numbers are exact up to 2^53. */
void palisade_set_number(struct palisade_events *events, struct palisade_attribute attribute, double value);

/* Looks at a chunk and adds the events that it completes. */
typedef struct palisade_outcome palisade_parser(const struct palisade_chunk *chunk, struct palisade_events *events);

/* Answers `parse` with what `parser` says to each chunk. */
void palisade_parse(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                    exports_palisade_plugin_parse_parsed_t *parsed, palisade_parser *parser);

/* Looks at the first bytes of a session: EXPORTS_PALISADE_PLUGIN_PARSE_RECOGNITION_… */
typedef uint8_t palisade_prober(const struct palisade_chunk *chunk);

/* Answers `probe` with what `prober` says to each chunk. */
void palisade_probe(exports_palisade_plugin_parse_list_chunk_t *chunks, guest_list_u8_t *arena,
                    exports_palisade_plugin_parse_list_recognition_t *answers, palisade_prober *prober);

#endif
