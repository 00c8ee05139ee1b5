// Columns of the current batch as typed arrays, which view the bytes that the host wrote.
//
// A column has an entry for every row; where the event lacks the field the entry is zero
// or empty, and only `valid` tells. All of this throws when the manifest does not list the
// field and when the column is of another type. A column of an attribute, whose type its
// events decide, is copied. A typed array gives `undefined` beyond its end, as everywhere in
// JavaScript; `Addresses`, `Text` and `valid` throw for a row that is not there.

import batch from "palisade:plugin/batch@0.1.0";
import { columns } from "palisade-host/manifest.js";
import { nameOf } from "./field.js";
import { nearest, strict } from "./known.js";
import { rowsShown } from "./refused.js";
import { addressText, decode } from "./text.js";
import { described } from "./types.js";

/** What to write in place of a function of `batch`. */
const CALLS = { addresses: "new Addresses(…)", text: "new Text(…)" };
const call = (as) => CALLS[as] ?? `${as}(…)`;

function listed(id, as) {
  const column = columns.get(id | 0);
  if (column === undefined || typeof id !== "number") {
    const near = nearest(nameOf(id).replaceAll("`", ""), [...columns.values()].map(({ name }) => name));
    const meant = near === undefined ? "" : `; did you mean \`${near}\`?`;
    throw new TypeError(`\`${call(as)}\`: no subscription in plugin.toml lists ${nameOf(id)} in its \`fields\`${meant}`);
  }
  return column;
}

/**
 * Sees to it that a field's column is read by the function for its type; whether it is an
 * attribute. What the kind of the batch does not have is for the host to refuse.
 */
function isAttribute(id, as) {
  const column = listed(id, as);
  const actual = column.only ?? column.as[batch.currentKind()] ?? as;
  if (actual !== as && actual !== "attribute") {
    throw new TypeError(`\`${call(as)}\`: the column of \`${column.name}\` is of another type; read it by \`${call(actual)}\``);
  }
  return actual === "attribute";
}

function numbers(Type, id, as) {
  return isAttribute(id, as) ? Type.from(batch[as](id)) : view(Type, id, "values");
}

function view(Type, id, part) {
  const bytes = batch.raw(id, part);
  if (bytes.byteOffset % Type.BYTES_PER_ELEMENT !== 0) {
    return new Type(bytes.slice().buffer);
  }
  return new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / Type.BYTES_PER_ELEMENT);
}

/**
 * The row, which the column of a field must have. Where the field repeats, the column has values
 * and not rows.
 */
function there(row, length, id, path) {
  if (typeof row === "number" && row >>> 0 === row && row < length) return row;
  const { name, repeats } = columns.get(id | 0);
  const [one, many] = repeats ? ["value", "values"] : ["row", "rows"];
  const has = length === 1 ? `1 ${one}` : `${length} ${many}`;
  const given = typeof row === "number" ? row : described(row);
  const problem = `\`${path}\`: the column of \`${name}\` has no ${one} ${given}; it has ${has}, counted from 0`;
  throw typeof row === "number" ? new RangeError(problem) : new TypeError(problem);
}

/** A column of u8, of booleans (0 or 1), or of an enum (the case's position). */
export const u8s = (id) => numbers(Uint8Array, id, "u8s");

/** A column of u16, such as ports. */
export const u16s = (id) => numbers(Uint16Array, id, "u16s");

/** A column of u32. */
export const u32s = (id) => numbers(Uint32Array, id, "u32s");

/** A column of u64, such as times in nanoseconds, as BigInt and so exact. */
export const u64s = (id) => numbers(BigUint64Array, id, "u64s");

/** A column of floats, or of an attribute that holds numbers. */
export const f64s = (id) => numbers(Float64Array, id, "f64s");

/** A column of addresses: 16 bytes each, an IPv4 address as `::ffff:a.b.c.d`. */
export class Addresses {
  #field;

  constructor(id) {
    isAttribute(id, "addresses");
    this.#field = id;
    this.bytes = batch.raw(id, "values");
    this.length = this.bytes.length / 16;
  }

  /** The value as text. */
  text(row) {
    return addressText(this.bytes, 16 * there(row, this.length, this.#field, "Addresses.text"));
  }

  /** The 16 bytes of the value. */
  octets(row) {
    const start = 16 * there(row, this.length, this.#field, "Addresses.octets");
    return this.bytes.subarray(start, start + 16);
  }
}

strict(Addresses.prototype, "`Addresses`", ["text", "octets", "bytes", "length"]);

/** A column of text or of bytes, or of an attribute that holds text. */
export class Text {
  #field;

  constructor(id) {
    this.#field = id;
    if (isAttribute(id, "text")) {
      const { offsets, bytes } = batch.text(id);
      this.offsets = Uint32Array.from(offsets);
      this.data = bytes;
    } else {
      this.offsets = view(Uint32Array, id, "text-offsets");
      this.data = batch.raw(id, "values");
    }
    this.length = this.offsets.length - 1;
  }

  /** The value as text. */
  text(row) {
    there(row, this.length, this.#field, "Text.text");
    return decode(this.data, this.offsets[row], this.offsets[row + 1]);
  }

  /** The value as bytes. */
  bytes(row) {
    there(row, this.length, this.#field, "Text.bytes");
    return this.data.subarray(this.offsets[row], this.offsets[row + 1]);
  }
}

strict(Text.prototype, "`Text`", ["text", "bytes", "length", "offsets", "data"]);

/** A function that tells whether a row has the field; of one that repeats, whether a value is there. */
export function valid(id) {
  const { repeats } = listed(id, "valid");
  const bytes = batch.raw(id, "valid");
  let length = bytes.length;
  if (length === 0) length = repeats ? offsets(id).at(-1) : rowsShown();
  const all = bytes.length === 0;
  return (row) => {
    there(row, length, id, "valid");
    return all || bytes[row] !== 0;
  };
}

/** For a field that repeats: row `r` owns the values `offsets[r]` up to `offsets[r + 1]`. */
export function offsets(id) {
  listed(id, "offsets");
  return view(Uint32Array, id, "offsets");
}

/** The names of an enum's cases by position. */
export function enumNames(id) {
  listed(id, "enumNames");
  return batch.enumNames(id);
}

/** The kind of the events, such as `network-flow`. */
export const kind = () => batch.currentKind();
