// The operator's settings.

import { described } from "./types.js";

/** What is asked of any object, without meaning a setting. */
const OTHERS = ["toJSON", "then"];

/**
 * All settings as an object by name; to ask for one that plugin.toml does not declare
 * throws. A whole number comes as a number, exact up to 2^53.
 */
export function settings(list) {
  const out = {};
  for (const { name, value } of list) out[name] = value.val;
  return new Proxy(out, {
    get(of, name) {
      if (name in of || typeof name === "symbol" || OTHERS.includes(name)) return of[name];
      const declared = Object.keys(of).map((other) => `\`${other}\``).join(", ") || "none";
      throw new TypeError(`there is no setting \`${name}\`; plugin.toml declares ${declared}`);
    },
  });
}

/** What `configure` throws to refuse a setting. */
export function refuse(name, message) {
  for (const [what, given] of [["the name of a setting", name], ["what is wrong with it", message]]) {
    if (typeof given !== "string") throw new TypeError(`\`refuse\` takes ${what} as a text, and not ${described(given)}`);
  }
  return { name, message };
}
