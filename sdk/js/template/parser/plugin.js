// Parses greetings: a line `GREET name`, and its answer `HELLO name`.

import { field } from "palisade-sdk/field.js";
import { attribute, done, encode, error, incomplete, parser } from "palisade-sdk/parser.js";
import { decode } from "palisade-sdk/text.js";

const PROTOCOL = field("protocol");
const OPERATION = field("operation");
const DIRECTION = field("direction");
const NAME = attribute("{{name}}.name");

// What a line of each side begins with, and what it becomes.
const SIDES = {
  server: { word: encode("GREET "), operation: "greet", direction: 0 },
  client: { word: encode("HELLO "), operation: "hello", direction: 1 },
};
const side = (chunk) => (chunk.toClient ? SIDES.client : SIDES.server);

// The longest line, in bytes. Whatever a peer can make grow needs a bound.
const MAX_LINE = 1024;

function begins(bytes, word) {
  return word.subarray(0, bytes.length).every((byte, i) => byte === bytes[i]);
}

export const plugin = {
  configure(_list) {},
};

export const parse = parser({
  probe(chunk) {
    const { word } = side(chunk);
    if (!begins(chunk.bytes, word)) return "no";
    return chunk.bytes.length < word.length ? "more" : "yes";
  },

  parse(chunk, events) {
    if (chunk.gap > 0) return error(0, "bytes before this line are missing");
    const { word, operation, direction } = side(chunk);
    const { bytes } = chunk;
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(10, at);
      if (end < 0) {
        return bytes.length - at > MAX_LINE ? error(at, "a line of at most 1024 bytes") : incomplete(at);
      }
      const line = bytes.subarray(at, end);
      if (line.length < word.length || !begins(line, word)) return error(at, "GREET or HELLO, and a name");
      events
        .event("network-app")
        .text(PROTOCOL, "{{name}}")
        .text(OPERATION, operation)
        .u8(DIRECTION, direction)
        .attribute(NAME, decode(line, word.length));
      at = end + 1;
    }
    return done();
  },

  // It keeps nothing of a session: lines stand by themselves.
  close(_session) {},
});
