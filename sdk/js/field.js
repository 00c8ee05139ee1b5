// Ids of fields and spans of time.

import { checkField } from "./known.js";

/**
 * The id of a field: the FNV-1a 32-bit hash of its dotted name, as a signed number.
 * componentize-qjs cuts a u32 above 2^31 - 1 down to that, but passes on all bits of a
 * negative number. Call it at the top of a module; that runs when the plugin is built. Throws for
 * a name that no kind of event has.
 */
export function field(name) {
  if (typeof name !== "string") throw new TypeError("`field` takes the dotted name of a field, such as `dst.port`");
  checkField(name);
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  names.set(hash | 0, name);
  return hash | 0;
}

/** Names of fields by id, for messages. */
const names = new Map();

/** How to name a field in a message. */
export function nameOf(id) {
  const name = names.get(id);
  if (name !== undefined) return `\`${name}\``;
  return typeof id === "number" ? `the field with id ${id}, which \`field(…)\` did not make` : `${String(id)}, which is no field: make one with \`field("dst.port")\``;
}

/** Spans in nanoseconds, as BigInt: times are exact only so. */
export const MILLISECOND = 1_000_000n;
export const SECOND = 1_000n * MILLISECOND;
export const MINUTE = 60n * SECOND;
export const HOUR = 60n * MINUTE;
export const DAY = 24n * HOUR;
