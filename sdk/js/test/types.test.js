// `node --test sdk/js/test`

import "./engine.js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { checked } from "../types.js";

const type = { record: { id: "u32", name: "string", more: { option: { list: "u16" } }, what: { variant: { none: null, at: "u64" } } } };
const check = checked(type, "it");
const fine = { id: 7, name: "n", more: null, what: { tag: "none" } };

test("what fits is handed over as a copy", () => {
  const given = { id: 2 ** 32 - 1, name: "a\ud800", more: [1, 2], what: { tag: "at", val: 5n } };
  assert.deepEqual(check(given), { id: -1, name: "a\ufffd", more: [1, 2], what: { tag: "at", val: 5 } });
  assert.deepEqual(check({ ...fine, more: new Uint16Array([3]) }).more, [3]);
  const bytes = new Uint8Array([1]);
  assert.equal(checked({ list: "u8" }, "b")(bytes), bytes);
});

test("what does not fit is told by its path, its value and what it must be", () => {
  for (const [change, message] of [
    [{ id: -1 }, "it.id is -1; it must be a whole number from 0 to 4294967295"],
    [{ id: 0.5 }, "it.id is 0.5; it must be"],
    [{ id: "7" }, 'it.id is the text "7"; it must be'],
    [{ id: 7n }, "it.id is 7n; it must be"],
    [{ name: undefined }, "it.name is missing; it must be a text"],
    [{ name: Symbol("s") }, "it.name is a symbol; it must be a text"],
    [{ more: 3 }, "it.more is 3; it must be a list"],
    [{ more: [1, 70000] }, "it.more[1] is 70000; it must be a whole number from 0 to 65535"],
    [{ what: "none" }, 'it.what is the text "none"; it must be an object whose `tag` is one of none, at'],
    [{ what: { tag: "on" } }, 'it.what.tag is the text "on"; it must be one of none, at'],
    [{ what: { tag: "at", val: -1 } }, "it.what.val is -1; it must be"],
    [{ nmae: "n" }, "has no property `nmae`; it has id, name, more, what"],
    [{ name: Promise.resolve() }, "it.name is a promise"],
  ]) {
    assert.throws(
      () => check({ ...fine, ...change }),
      (error) => error instanceof TypeError && error.message.includes(message),
      message,
    );
  }
  assert.throws(() => check(null), /it is null; it must be an object with id/);
});

test("what a getter throws is not hidden", () => {
  const given = {
    ...fine,
    get id() {
      throw new RangeError("mine");
    },
  };
  assert.throws(() => check(given), { name: "RangeError", message: "mine" });
});
