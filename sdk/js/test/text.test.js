// `node --test sdk/js/test`

import "./engine.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { field } from "../field.js";
import { addressText, clip, decode } from "../text.js";

test("field ids are FNV-1a", () => {
  assert.equal(field("a") >>> 0, 0xe40c292c);
  assert.equal(field("foobar") >>> 0, 0xbf9cf968);
  // All 32 bits cross the boundary in signed numbers only.
  assert.ok(field("a") < 0);
});

test("text is decoded as UTF-8", () => {
  for (const text of ["", "plain", "grüße", "接続", "🛡️ x", "\u0000\u007f\u0080\u07ff\u0800\uffff"]) {
    assert.equal(decode(new TextEncoder().encode(text)), text);
  }
  const bytes = new TextEncoder().encode("aßc");
  assert.equal(decode(bytes, 1, 3), "ß");
});

test("what is not UTF-8 is replaced", () => {
  for (const bytes of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x80]]) {
    assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes)));
    assert.ok(decode(new Uint8Array([0x61, ...bytes, 0x62])).match(/^a\ufffd+b$/), String(bytes));
  }
});

test("addresses are written as in RFC 5952", () => {
  const write = (...groups) => addressText(new Uint8Array(groups.flatMap((group) => [group >> 8, group & 255])));
  assert.equal(write(0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0001), "10.0.0.1");
  assert.equal(write(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), "2001:db8::1");
  assert.equal(write(0, 0, 0, 0, 0, 0, 0, 0), "::");
  assert.equal(write(0, 0, 0, 0, 0, 0, 0, 1), "::1");
  assert.equal(write(1, 0, 0, 2, 0, 0, 0, 3), "1:0:0:2::3");
  assert.equal(write(1, 0, 0, 2, 0, 0, 3, 4), "1::2:0:0:3:4");
  assert.equal(write(1, 0, 2, 3, 4, 5, 6, 7), "1:0:2:3:4:5:6:7");
  assert.equal(write(1, 2, 3, 4, 5, 6, 0, 0), "1:2:3:4:5:6::");
});

test("long text is cut between characters", () => {
  assert.equal(clip("abc", 3), "abc");
  assert.equal(clip("aé", 2), "a");
  assert.equal(clip("🛡️", 3), "");
  assert.equal(clip("é".repeat(200), 256), "é".repeat(128));
});
