// `node --test sdk/js/test`

import "./engine.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { field } from "../field.js";
import { attribute, done, encode, error, handover, incomplete, parser } from "../parser.js";
import { decode } from "../text.js";

const PROTOCOL = field("protocol");
const OPERATION = field("operation");
const MARK = attribute("lines.mark");
const LENGTH = attribute("lines.length");

/** Lines; `#` marks one, `STARTTLS` hands over, `!` is an error. */
const lines = parser({
  probe: (chunk) => (chunk.bytes.length === 0 ? "more" : chunk.bytes[0] === 35 ? "yes" : "no"),
  parse(chunk, events) {
    let at = 0;
    for (;;) {
      const end = chunk.bytes.indexOf(10, at);
      if (end < 0) return at < chunk.bytes.length ? incomplete(at, 1) : done();
      const text = decode(chunk.bytes, at, end);
      if (text === "!") return error(at, "a line");
      at = end + 1;
      if (text === "STARTTLS") return handover(at);
      events.event("network-app").text(PROTOCOL, "lines").text(OPERATION, text).attribute(LENGTH, text.length);
      if (text.startsWith("#")) events.attribute(MARK, "#");
    }
  },
  close() {},
});

function run(...parts) {
  let arena = new Uint8Array();
  const chunks = parts.map(([session, text, more]) => {
    const bytes = encode(text);
    const start = arena.length;
    arena = new Uint8Array([...arena, ...bytes]);
    return { session, direction: "to-client", transport: "tcp", port: 0, offset: 0, gap: 0, end: false, start, length: bytes.length, ...more };
  });
  return lines.parse(chunks, arena);
}

const column = (table, id) => table.columns.find((other) => other.field === id);
const texts = ({ values, valid }) =>
  valid.length === 0 || valid.length === values.val.offsets.length - 1
    ? values.val.offsets.slice(1).map((end, i) => decode(values.val.bytes, values.val.offsets[i], end))
    : assert.fail("lengths differ");

test("events become columns", () => {
  const { outcomes, tables } = run([1, "a\n#b\n"], [2, "ü\nrest"]);
  assert.deepEqual(outcomes, [{ tag: "done" }, { tag: "incomplete", val: { kept: 4, needed: 1 } }]);
  assert.equal(tables.length, 1);
  assert.deepEqual(tables[0].chunks, [0, 0, 1]);
  assert.deepEqual(texts(column(tables[0], OPERATION)), ["a", "#b", "ü"]);
  assert.deepEqual(column(tables[0], OPERATION).valid, []);
  assert.deepEqual(column(tables[0], MARK.field).valid, [0, 1, 0]);
  assert.deepEqual(texts(column(tables[0], MARK.field)), ["", "#", ""]);
  assert.deepEqual(column(tables[0], LENGTH.field).values, { tag: "f64s", val: [1, 2, 1] });
});

test("what is left over comes again before the next chunk of the call", () => {
  const { outcomes, tables } = run([1, "a"], [2, "x"], [1, "b\nc"], [1, "d"], [1, "g\n", { gap: 7 }], [2, "\n"]);
  assert.deepEqual(texts(column(tables[0], OPERATION)), ["ab", "g", "x"]);
  assert.deepEqual(tables[0].chunks, [2, 4, 5]);
  assert.deepEqual(outcomes[2], { tag: "incomplete", val: { kept: 1, needed: 1 } });
  assert.deepEqual(outcomes[3], { tag: "incomplete", val: { kept: 2, needed: 1 } });
});

test("errors and handovers end the session and count in all that the parser saw", () => {
  const { outcomes } = run([1, "START"], [1, "TLS\n\u0016"], [1, "more\n"], [2, "a\n!\n"]);
  assert.deepEqual(outcomes.slice(1), [
    { tag: "handover", val: 9 },
    { tag: "done" },
    { tag: "error", val: { offset: 2, message: "a line" } },
  ]);
});

test("datagrams stand alone", () => {
  const datagram = (session, text) => [session, text, { transport: "udp" }];
  const { outcomes, tables } = run(
    datagram(1, "a\n"),
    datagram(1, "kept\n!\n"),
    datagram(1, "b\ncut off"),
    datagram(1, "\nc\n"),
    datagram(2, "STARTTLS\n"),
    datagram(2, "never\n"),
    [3, "!\n"],
    [3, "never\n"],
  );
  assert.deepEqual(texts(column(tables[0], OPERATION)), ["a", "kept", "b", "", "c"]);
  assert.deepEqual(tables[0].chunks, [0, 1, 2, 3, 3]);
  assert.deepEqual(outcomes, [
    { tag: "done" },
    { tag: "error", val: { offset: 5, message: "a line" } },
    { tag: "incomplete", val: { kept: 7, needed: 1 } },
    { tag: "done" },
    { tag: "handover", val: 9 },
    { tag: "done" },
    { tag: "error", val: { offset: 0, message: "a line" } },
    { tag: "done" },
  ]);
});

test("text is encoded as UTF-8", () => {
  for (const text of ["", "plain", "grüße", "接続", "🛡️"]) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text));
  }
});
