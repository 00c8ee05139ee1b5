// What the operator approves, read from the settings.

import { DAY } from "palisade-sdk/field.js";
import { refuse } from "palisade-sdk/settings.js";

/** Protocol and number of `TLS1.2` and the like; null when it is not shaped so. */
function split(version) {
  const parts = /^([^0-9]*)(\d+)\.(\d+)$/.exec(version);
  return parts && { protocol: parts[1], number: (Number(parts[2]) << 8) | Number(parts[3]) };
}

/** The first instant, in UTC, of a day from 1970 on written as `2030-01-01`. */
function midnight(day) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (!parts) return null;
  const [year, month, date] = parts.slice(1).map(Number);
  if (year < 1970 || year >= 2500 || month < 1 || month > 12 || date < 1 || date > 31) return null;
  return BigInt(Date.UTC(year, month - 1, date) / 86_400_000) * DAY;
}

export class Approval {
  /** Takes the settings by name; throws what `configure` has to throw. */
  constructor(settings) {
    this.oldest = settings["min-version"].map(split);
    if (this.oldest.includes(null)) throw refuse("min-version", "is not a version such as TLS1.2");
    this.forbiddenWords = settings["forbidden-ciphers"];
    this.sunsets = new Map();
    for (const entry of settings["sunset"]) {
      const [, version, day] = /^([^=]*)=(.*)$/.exec(entry) ?? [];
      const due = day === undefined || !split(version) ? null : midnight(day);
      if (due === null) throw refuse("sunset", "is not like TLS1.2=2030-01-01");
      if (!this.sunsets.has(version)) this.sunsets.set(version, { day, due });
    }
  }

  /** Whether the version is none of those approved. */
  isOld(version) {
    const parts = split(version);
    return !parts || !this.oldest.some((least) => least.protocol === parts.protocol && parts.number >= least.number);
  }

  /** The first forbidden word in the name of a cipher suite. */
  forbidden(cipher) {
    return this.forbiddenWords.find((word) => `_${cipher}_`.includes(`_${word}_`));
  }

  /** The day and the instant on which the version is retired. */
  sunset(version) {
    return this.sunsets.get(version);
  }
}
