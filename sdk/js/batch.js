// Columns of the current batch as typed arrays, which view the bytes that the host wrote.
//
// A column has an entry for every row; where the event lacks the field the entry is zero
// or empty, and only `valid` tells. All of this traps when the manifest does not list the
// field and when the column is of another type.

import batch from "palisade:plugin/batch@0.1.0";
import { addressText, decode } from "./text.js";

function view(Type, id, part) {
  const bytes = batch.raw(id, part);
  if (bytes.byteOffset % Type.BYTES_PER_ELEMENT !== 0) {
    return new Type(bytes.slice().buffer);
  }
  return new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / Type.BYTES_PER_ELEMENT);
}

/** A column of u8, of booleans (0 or 1), or of an enum (the case's position). */
export const u8s = (id) => batch.raw(id, "values");

/** A column of u16, such as ports. */
export const u16s = (id) => view(Uint16Array, id, "values");

/** A column of u32. */
export const u32s = (id) => view(Uint32Array, id, "values");

/** A column of u64, such as times in nanoseconds, as BigInt and so exact. */
export const u64s = (id) => view(BigUint64Array, id, "values");

/** A column of floats, or of an attribute that holds numbers. */
export const f64s = (id) => view(Float64Array, id, "values");

/** A column of addresses: 16 bytes each, an IPv4 address as `::ffff:a.b.c.d`. */
export class Addresses {
  constructor(id) {
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
    this.offsets = view(Uint32Array, id, "text-offsets");
    this.data = batch.raw(id, "values");
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
  const bytes = batch.raw(id, "valid");
  return bytes.length === 0 ? () => true : (row) => bytes[row] !== 0;
}

/** For a field that repeats: row `r` owns the values `offsets[r]` up to `offsets[r + 1]`. */
export const offsets = (id) => view(Uint32Array, id, "offsets");

/** The names of an enum's cases by position. */
export const enumNames = (id) => batch.enumNames(id);

/** The kind of the events, such as `network-flow`. */
export const kind = () => batch.currentKind();
