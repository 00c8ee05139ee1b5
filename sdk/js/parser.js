// Parsers: chunks with what was left over before them, and events by field.
//
//     export const parse = parser({ probe, parse, close });
//
// A parser keeps no bytes. What it leaves with `incomplete` comes again ahead of the next
// bytes of that direction, whether they are in this call or a later one. Datagrams, which is
// whatever does not come by TCP, stand alone: nothing of one comes again, and a bad or
// incomplete one is counted and passed over. Forget nothing because of it; anybody can forge one.

import { field, nameOf } from "./field.js";
import { blaming, checkKind, checkSet, strict } from "./known.js";
import { described } from "./types.js";

/** Every byte is done with. */
export const done = () => ({ tag: "done" });
/** The bytes from `consumed` on come again, with at least `needed` more (0: unknown). */
export const incomplete = (consumed, needed = 0) => ({ tag: "incomplete", consumed, needed });
/**
 * The chunk makes no sense from `offset` on; `message` says what was expected there. A stream is
 * parsed no further, a datagram is passed over.
 */
export const error = (offset, message) => ({ tag: "error", offset, message });
/** From `offset` on the session speaks something else and is recognised afresh. */
export const handover = (offset) => ({ tag: "handover", offset });

/** An attribute such as `ftp.argument`, to be made at the top of a module. */
export const attribute = (name) => ({ field: field(`attributes.${name}`), name });

class Column {
  constructor(id, name, tag) {
    this.field = id;
    this.attribute = name;
    this.tag = tag;
    this.values = [];
    this.offsets = [0];
    this.length = 0;
    this.valid = [];
    this.rows = 0;
  }

  /** Gives every row before `row` an entry. */
  catchUp(row) {
    if (this.rows === row) return;
    while (this.valid.length < this.rows) this.valid.push(1);
    for (; this.rows < row; this.rows++) {
      this.valid.push(0);
      if (this.tag === "text") this.offsets.push(this.length);
      else this.values.push(0);
    }
  }

  push(value) {
    this.values.push(value);
    if (this.tag === "text") {
      this.length += value.length;
      this.offsets.push(this.length);
    }
    if (this.valid.length > 0) this.valid.push(1);
    this.rows++;
  }

  finish(rows) {
    this.catchUp(rows);
    let val = this.values;
    if (this.tag === "text") {
      const bytes = new Uint8Array(this.length);
      let at = 0;
      for (const value of this.values) {
        bytes.set(value, at);
        at += value.length;
      }
      val = { offsets: this.offsets, bytes };
    }
    return { field: this.field, attribute: this.attribute, valid: this.valid, offsets: [], values: { tag: this.tag, val } };
  }
}

/** A number for a field, which names it when it is none. */
function whole(id, value, most) {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new TypeError(`${nameOf(id)} is set to ${described(value)}; it takes a whole number from 0 to ${most}`);
}

/** The events of a call. The setters fill in the event that was started last. */
export class Events {
  #tables = new Map();
  #chunk = 0;
  #table = null;

  /** Starts an event that the current chunk completes, such as `network-app`. Throws for a kind that plugin.toml does not list in `emits`. */
  event(kind) {
    let table = this.#tables.get(kind);
    if (table === undefined) {
      checkKind(kind);
      table = { kind, chunks: [], columns: new Map() };
      this.#tables.set(kind, table);
    }
    table.chunks.push(this.#chunk);
    this.#table = table;
    return this;
  }

  #set(id, name, tag, value) {
    if (this.#table === null) throw new Error("there is no event to set a field of; call `event(kind)` first");
    const { columns, chunks } = this.#table;
    let column = columns.get(id);
    if (column === undefined) {
      if (name === "") checkSet(this.#table.kind, id, tag, nameOf(id));
      column = new Column(id, name, tag);
      columns.set(id, column);
    }
    if (column.tag !== tag) throw new TypeError(`${nameOf(id)} is set with values of two types`);
    // Of a field that is set twice the first value stays.
    if (column.rows < chunks.length) {
      column.catchUp(chunks.length - 1);
      column.push(value);
    }
    return this;
  }

  /** A u8, a truth value, or an enum by its case's position. */
  u8(id, value) {
    return this.#set(id, "", "u8s", whole(id, typeof value === "boolean" ? Number(value) : value, 255));
  }
  u16(id, value) {
    return this.#set(id, "", "u16s", whole(id, value, 65535));
  }
  u32(id, value) {
    return this.#set(id, "", "u32s", whole(id, value, 4294967295) | 0);
  }
  /** Exact up to 2^53. */
  u64(id, value) {
    return this.#set(id, "", "u64s", whole(id, value, 2 ** 64));
  }
  text(id, value) {
    if (typeof value !== "string") throw new TypeError(`${nameOf(id)} is set to ${described(value)}; it takes a text`);
    return this.#set(id, "", "text", encode(value));
  }
  /** Bytes, which need not be text. */
  bytes(id, value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`${nameOf(id)} is set to ${described(value)}; it takes bytes, a Uint8Array`);
    return this.#set(id, "", "text", value);
  }
  attribute(of, value) {
    if (typeof of?.name !== "string") throw new TypeError(`\`attribute\` takes what \`attribute(name)\` returned, and not ${described(of)}`);
    if (typeof value !== "number" && typeof value !== "string") throw new TypeError(`\`${of.name}\` is set to ${described(value)}; it takes a text or a number`);
    return typeof value === "number"
      ? this.#set(of.field, of.name, "f64s", value)
      : this.#set(of.field, of.name, "text", encode(value));
  }

  /** For `parser` alone. */
  begin(chunk) {
    this.#chunk = chunk;
    this.#table = null;
  }
  finish() {
    return [...this.#tables.values()].map(({ kind, chunks, columns }) => ({
      kind,
      chunks,
      columns: [...columns.values()].map((column) => column.finish(chunks.length)),
    }));
  }
}

strict(Events.prototype, "`events`", ["event", "u8", "u16", "u32", "u64", "text", "bytes", "attribute"]);

/** Text as UTF-8; half a surrogate pair becomes U+FFFD. */
export function encode(text) {
  if (typeof text !== "string") throw new TypeError(`\`encode\` takes a text, and not ${described(text)}`);
  const bytes = [];
  for (const character of text) {
    let code = character.codePointAt(0);
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  }
  return new Uint8Array(bytes);
}

/** What a chunk has, apart from what it is. */
const CHUNK = strict({}, "`chunk`", ["session", "toClient", "transport", "port", "offset", "gap", "end", "bytes", "length"]);

function view(chunk, arena) {
  return {
    __proto__: CHUNK, 
    ...chunk,
    toClient: chunk.direction === "to-client",
    bytes: arena.subarray(chunk.start, chunk.start + chunk.length),
  };
}

function join(left, right) {
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

/** What a parser said of `shown` bytes. */
function answer(outcome, shown) {
  switch (outcome.tag) {
    case "incomplete":
      return { tag: "incomplete", val: { kept: shown - outcome.consumed, needed: outcome.needed } };
    case "error":
      return { tag: "error", val: { offset: outcome.offset, message: outcome.message } };
    case "handover":
      return { tag: "handover", val: outcome.offset };
    case "done":
      return { tag: "done" };
    default:
      throw new TypeError(`a parser answers \`done()\`, \`incomplete(…)\`, \`error(…)\` or \`handover(…)\`, and not with ${described(outcome)}`);
  }
}

/** Refuses what a parser said of bytes that it was not shown. */
function within(outcome, length) {
  if (outcome.tag === "incomplete" && !Number.isInteger(outcome.needed)) throw new TypeError(`\`incomplete(…, ${described(outcome.needed)})\`: it takes how many more bytes are needed at least, or 0`);
  if (outcome.tag === "error" && typeof outcome.message !== "string") throw new TypeError(`\`error(…, ${described(outcome.message)})\`: it takes a text that says what was expected`);
  const at = outcome.tag === "incomplete" ? outcome.consumed : outcome.offset;
  if (at === undefined || (Number.isInteger(at) && at >= 0 && at <= length)) return;
  throw new RangeError(`\`${outcome.tag}(${described(at)})\`: the parser was shown ${length} bytes; it counts from the first of \`chunk.bytes\``);
}

/** Makes the export `parse` of functions that take one chunk each. */
export function parser({ probe, parse, close }) {
  for (const [name, given] of Object.entries({ probe, parse, close })) {
    if (typeof given !== "function") throw new TypeError(`\`parser\` takes the functions probe, parse and close; ${name} is ${described(given)}`);
  }
  const key = (chunk) => `${chunk.session} ${chunk.direction}`;
  return {
    probe: (chunks, arena) => chunks.map((chunk) => probe(view(chunk, arena))),
    parse(chunks, arena) {
      const events = new Events();
      const last = new Map(chunks.map((chunk, at) => [key(chunk), at]));
      const leftovers = new Map();
      const over = new Set();
      const outcomes = chunks.map((chunk, at) => {
        if (over.has(chunk.session)) return { tag: "done" };
        const seen = view(chunk, arena);
        let before = leftovers.get(key(chunk));
        leftovers.delete(key(chunk));
        // Across a gap nothing continues.
        if (chunk.gap > 0) before = undefined;
        if (before) Object.assign(seen, { bytes: join(before.bytes, seen.bytes), offset: before.offset });
        events.begin(at);
        const missing = (before?.wanted ?? 0) - seen.bytes.length;
        const outcome = (missing > 0 && !chunk.end ? incomplete(0, missing) : parse(seen, events)) ?? {};
        const answered = blaming(parse, () => {
          within(outcome, seen.bytes.length);
          return answer(outcome, seen.bytes.length);
        });
        const datagram = chunk.transport !== "tcp";
        if (outcome.tag === "incomplete" && !datagram && last.get(key(chunk)) > at) {
          const bytes = seen.bytes.subarray(outcome.consumed);
          leftovers.set(key(chunk), { bytes, offset: seen.offset + outcome.consumed, wanted: bytes.length + outcome.needed });
        }
        if (outcome.tag === "handover" || (outcome.tag === "error" && !datagram)) over.add(chunk.session);
        return answered;
      });
      return { outcomes, tables: events.finish() };
    },
    close: (sessions) => sessions.forEach(close),
  };
}
