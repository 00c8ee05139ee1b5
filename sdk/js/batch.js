// Columns of the current batch as typed arrays, which view the bytes that the host wrote.
//
// A column has an entry for every row; where the event lacks the field the entry is zero
// or empty, and only `valid` tells. All of this throws when the manifest does not list the
// field and when the column is of another type. A column of an attribute, whose type its
// events decide, is copied.

import batch from "palisade:plugin/batch@0.1.0";
import { columns } from "palisade-host/manifest.js";
import { nameOf } from "./field.js";
import { nearest } from "./known.js";
import { addressText, decode } from "./text.js";

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
  constructor(id) {
    isAttribute(id, "addresses");
    this.bytes = batch.raw(id, "values");
    this.length = this.bytes.length / 16;
  }

  /** The value as text. */
  text(row) {
    return addressText(this.bytes, 16 * row);
  }

  /** The 16 bytes of the value. */
  octets(row) {
    return this.bytes.subarray(16 * row, 16 * row + 16);
  }
}

/** A column of text or of bytes, or of an attribute that holds text. */
export class Text {
  constructor(id) {
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
    return decode(this.data, this.offsets[row], this.offsets[row + 1]);
  }

  /** The value as bytes. */
  bytes(row) {
    return this.data.subarray(this.offsets[row], this.offsets[row + 1]);
  }
}

/** A function that tells whether a row has the field. */
export function valid(id) {
  listed(id, "valid");
  const bytes = batch.raw(id, "valid");
  return bytes.length === 0 ? () => true : (row) => bytes[row] !== 0;
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
