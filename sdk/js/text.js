// What QuickJS has no library for: UTF-8 and addresses.

import { described } from "./types.js";

const REPLACEMENT = "\ufffd";

/** Refuses a part that the bytes do not have. */
function part(bytes, start, end, path) {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`\`${path}\` takes bytes, a Uint8Array, and not ${described(bytes)}`);
  if (Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= bytes.length) return;
  throw new RangeError(`\`${path}\`: there are ${bytes.length} bytes, of which none go from ${described(start)} up to ${described(end)}`);
}

/** The text of bytes[start..end]; a byte that is not UTF-8 becomes U+FFFD. Throws where there are no such bytes. */
export function decode(bytes, start = 0, end = bytes?.length) {
  part(bytes, start, end, "decode");
  let out = "";
  let at = start;
  while (at < end) {
    const lead = bytes[at++];
    if (lead < 0x80) {
      out += String.fromCharCode(lead);
      continue;
    }
    const more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    let code = lead & (0x3f >> more);
    let read = 0;
    while (read < more && at + read < end && (bytes[at + read] & 0xc0) === 0x80) {
      code = (code << 6) | (bytes[at + read] & 0x3f);
      read++;
    }
    const least = more === 3 ? 0x10000 : more === 2 ? 0x800 : 0x80;
    const fine = lead >= 0xc2 && lead <= 0xf4 && read === more && code >= least && code <= 0x10ffff;
    if (fine && (code < 0xd800 || code > 0xdfff)) {
      out += String.fromCodePoint(code);
      at += more;
    } else {
      out += REPLACEMENT;
    }
  }
  return out;
}

const width = (code) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

/** How many bytes the text has in UTF-8. */
export function byteLength(text) {
  if (typeof text !== "string") throw new TypeError(`\`byteLength\` takes a text, and not ${described(text)}`);
  let bytes = 0;
  for (const character of text) bytes += width(character.codePointAt(0));
  return bytes;
}

/**
 * The text cut between characters to at most `limit` bytes of UTF-8. Text that an
 * adversary controls must not turn a finding into a trap.
 */
export function clip(text, limit) {
  if (typeof text !== "string") throw new TypeError(`\`clip\` takes a text, and not ${described(text)}`);
  if (!Number.isInteger(limit) || limit < 0) throw new RangeError(`\`clip\` takes a limit in bytes, and not ${described(limit)}`);
  if (text.length * 3 <= limit) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += width(character.codePointAt(0));
    if (bytes > limit) return text.slice(0, end);
    end += character.length;
  }
  return text;
}

/** An address of 16 bytes at `start`, as in RFC 5952; IPv4 dotted. Throws where there are fewer. */
export function addressText(bytes, start = 0) {
  part(bytes, start, start + 16, "addressText");
  const group = (i) => (bytes[start + 2 * i] << 8) | bytes[start + 2 * i + 1];
  let zeros = 0;
  while (zeros < 5 && group(zeros) === 0) zeros++;
  if (zeros === 5 && group(5) === 0xffff) {
    return `${bytes[start + 12]}.${bytes[start + 13]}.${bytes[start + 14]}.${bytes[start + 15]}`;
  }
  // The first of the longest runs of at least two zero groups becomes `::`.
  let run = 8;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && group(i + n) === 0) n++;
    if (n > length) {
      run = i;
      length = n;
    }
  }
  let out = "";
  for (let i = 0; i < 8; i++) {
    if (i === run) {
      out += "::";
      i += length - 1;
    } else {
      if (i > 0 && i !== run + length) out += ":";
      out += group(i).toString(16);
    }
  }
  return out;
}
