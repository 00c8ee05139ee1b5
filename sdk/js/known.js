// The names that there are, of fields and of kinds of event, and which of them a misspelt one
// may mean. The build tells them before a plugin's module is loaded; where nobody has told
// them, as in tests that import these modules by themselves, every name will do.

let fields = null;
let kinds = null;
let settable = null;

/**
 * For the build alone: the names of all fields; of a parser those of the kinds that it makes, and
 * for each of these by field the type of its column, or `host` where the host sets it.
 */
export function learn(told) {
  ({ fields, kinds, settable } = told);
}

/** How many letters must be put in, left out, changed or swapped to make one text of another. */
function distance(left, right) {
  let [before, last] = [[], Array.from({ length: right.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[right.length];
}

/** The name that is meant, if one is near. */
export function nearest(name, names) {
  if (typeof name !== "string" || name.length > 64) return undefined;
  let best;
  let least = 1 + Math.max(1, Math.floor(name.length / 4));
  for (const other of names) {
    if (Math.abs(other.length - name.length) >= least) continue;
    const found = distance(name, other);
    if (found < least) [best, least] = [other, found];
  }
  return best;
}

/** `; did you mean …?`, or all the names. */
export function meant(name, names) {
  const near = nearest(name, names);
  if (near !== undefined) return `; did you mean \`${near}\`?`;
  return names.length === 0 ? "; there is none" : `; there are ${names.map((other) => `\`${other}\``).join(", ")}`;
}

/** What is asked of any object, without meaning a part of it. */
const OTHERS = ["toJSON", "then"];

/**
 * Refuses to read of an object what it does not have: `undefined` would be called, or counted on,
 * without a word. `shown` names the object, and `parts` are what it has. It stands behind what the
 * object has itself, so that reading that costs nothing.
 */
export function strict(object, shown, parts) {
  const behind = new Proxy(Object.create(Object.getPrototypeOf(object)), {
    get(of, name, receiver) {
      if (name in of || typeof name === "symbol" || OTHERS.includes(name)) return Reflect.get(of, name, receiver);
      throw new TypeError(`${shown} has no \`${name}\`${meant(name, parts)}`);
    },
  });
  return Object.setPrototypeOf(object, behind);
}

/** The author's function that gave what something of the SDK refused, by the exception. */
const blamed = new WeakMap();

/** What `check` returns; where it throws, the author's function `of` is to blame. */
export function blaming(of, check) {
  try {
    return check();
  } catch (thrown) {
    if (typeof thrown === "object" && thrown !== null && !blamed.has(thrown)) blamed.set(thrown, of);
    throw thrown;
  }
}

/** For the boundary alone: the function to blame for an exception, where it is known. */
export const toBlame = (thrown) => (typeof thrown === "object" && thrown !== null ? blamed.get(thrown) : undefined);

/** Refuses the dotted name of a field that no kind of event has. */
export function checkField(name) {
  if (fields === null || name.startsWith("attributes.") || fields.includes(name)) return;
  const near = nearest(name, fields);
  const advice = near === undefined ? "names are as in the WIT, such as `dst.port`" : `did you mean \`${near}\`?`;
  throw new TypeError(`\`field(${JSON.stringify(name)})\`: no event has such a field; ${advice}`);
}

/** Refuses a kind of event that the plugin does not make. */
export function checkKind(kind) {
  if (kinds === null || kinds.includes(kind)) return;
  const near = nearest(String(kind).replaceAll(".", "-"), kinds);
  const listed = kinds.map((other) => `\`${other}\``).join(", ");
  const shown = typeof kind === "string" ? `\`${kind.slice(0, 64)}\`` : `a ${typeof kind}`;
  throw new TypeError(`\`event\`: ${shown} is no kind that \`emits\` of plugin.toml lists; ${near === undefined ? `it lists ${listed}` : `did you mean \`${near}\`?`}`);
}

/** What the setters of `Events` hand over. */
const SETTERS = { u8s: "u8", u16s: "u16", u32s: "u32", u64s: "u64", text: "text" };

/** Refuses a field that a parser cannot set in events of a kind, or not by this setter, which hands over a column of type `tag`. */
export function checkSet(kind, id, tag, shown) {
  const of = settable?.[kind];
  if (of === undefined) return;
  const wanted = of[id];
  if (wanted === undefined) throw new TypeError(`${shown} is set, and events of kind \`${kind}\` have no such field`);
  if (wanted === "host") throw new TypeError(`${shown} is set, which the host does; leave it out`);
  if (wanted in SETTERS && wanted !== tag) throw new TypeError(`${shown} is set by \`${SETTERS[tag] ?? tag}\`; set it by \`${SETTERS[wanted]}\``);
}
