// `node --test sdk/js/test`

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { field } from "../field.js";
import { checkKind, checkSet, learn, meant, nearest } from "../known.js";
import { Events, incomplete, parser } from "../parser.js";

after(() => learn({ fields: null, kinds: null, settable: null }));

test("the nearest name is found, and none where none is near", () => {
  assert.equal(nearest("dst.prot", ["src.port", "dst.port"]), "dst.port");
  assert.equal(nearest("fuond", ["found", "other"]), "found");
  assert.equal(nearest("stat", ["state"]), "state");
  assert.equal(nearest("something-else", ["found", "other"]), undefined);
  assert.equal(nearest("x".repeat(65), ["x".repeat(64)]), undefined);
  assert.equal(meant("zzzz", ["found", "other"]), "; there are `found`, `other`");
  assert.equal(meant("zzzz", []), "; there is none");
});

test("names will do until somebody tells which there are", () => {
  learn({ fields: null, kinds: null, settable: null });
  field("no.such");
  checkKind("no-such");
  checkSet("no-such", 1, "text", "`x`");
  learn({ fields: ["dst.port"], kinds: ["network-app"], settable: { "network-app": { 1: "text", 2: "host", 3: "record" } } });
  field("dst.port");
  field("attributes.any");
  assert.throws(() => field("dst.prot"), { message: /`field\("dst.prot"\)`: no event has such a field; did you mean `dst.port`\?/ });
  assert.throws(() => checkKind("network.ap"), { message: /did you mean `network-app`\?/ });
  assert.throws(() => new Events().event("dns"), { message: /it lists `network-app`/ });
  checkSet("network-app", 1, "text", "`a`");
  checkSet("network-app", 3, "u8s", "`c`");
  assert.throws(() => checkSet("network-app", 1, "u16s", "`a`"), { message: "`a` is set by `u16`; set it by `text`" });
  assert.throws(() => checkSet("network-app", 2, "u16s", "`b`"), { message: /which the host does/ });
  assert.throws(() => checkSet("network-app", 9, "u16s", "`d`"), { message: /have no such field/ });
});

test("a parser cannot keep bytes that it was not shown", () => {
  const greedy = parser({ probe: () => "yes", parse: () => incomplete(9), close() {} });
  const chunk = { session: 1, direction: "to-server", transport: "tcp", port: 0, offset: 0, gap: 0, end: false, start: 0, length: 3 };
  assert.throws(() => greedy.parse([chunk], new Uint8Array(3)), { message: /`incomplete\(9\)`: the parser was shown 3 bytes/ });
});
