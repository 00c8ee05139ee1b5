// Globals that authors know from elsewhere. The build calls this before a plugin's module is
// loaded; plugins need not.

import { throws } from "./boundary.js";
import { clip } from "./text.js";

/** The longest message that the host takes, in bytes. */
const LIMIT = 4096;

/** What the build shows as the time, by which it is known to show the same to everybody. */
const BUILD_TIME = 946_684_800_000;

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value}\n${value.stack}`;
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? `${value}n` : String(value);
  try {
    const text = JSON.stringify(value, (_, inner) =>
      typeof inner === "bigint" ? `${inner}n` : ArrayBuffer.isView(inner) ? Array.from(inner, String) : inner,
    );
    return text ?? String(value);
  } catch (error) {
    return `an object that cannot be shown (${error})`;
  }
}

/** `console`, which writes to the plugin's log; `write` is null where it has none. */
function consoleOf(write) {
  const out = {};
  for (const [name, level] of [["debug", "debug"], ["log", "info"], ["info", "info"], ["warn", "warn"], ["error", "error"]]) {
    out[name] = (...values) => {
      if (write === null) {
        throw new Error(`\`console.${name}\` needs the capability \`log\`: add it to \`capabilities\` of \`[plugin]\` in plugin.toml`);
      }
      write(level, clip(values.map(shown).join(" ").toWellFormed(), LIMIT));
    };
  }
  return Object.freeze(out);
}

function noClock(what) {
  return new Error(`\`${what}\`: a plugin has no clock; take the time of the events, the column \`time\``);
}

/** `Date` for given times only. */
class PluginDate extends Date {
  constructor(...given) {
    if (given.length === 0) throw noClock("new Date()");
    super(...given);
  }
  static now() {
    throw noClock("Date.now()");
  }
}

/** Puts them into place. */
export function globals(write) {
  if (Date.now() !== BUILD_TIME) {
    throw new Error("the build is not shielded from the clock, so the component would be another each time; run `make setup`");
  }
  globalThis.console = consoleOf(write);
  globalThis.Date = PluginDate;
  // By this name the build calls it; see `thrown.rs` there.
  Object.defineProperty(globalThis, "palisadeThrows", { value: throws });
  globalThis.performance = Object.freeze({
    now() {
      throw noClock("performance.now()");
    },
  });
}
