// Values on their way to the host, checked against the types of the WIT.
//
// The engine ends a plugin without a word when a value is not of its type, so this says it
// first. A type is what the build makes of the WIT: a name such as `u16`, or an object with
// one of `list`, `option`, `record`, `variant`, `enum`. Objects are handed over as
// copies, so that nothing of the author's runs while the engine reads them.

const INTEGERS = {
  u8: [0, 2 ** 8 - 1],
  u16: [0, 2 ** 16 - 1],
  u32: [0, 2 ** 32 - 1],
  s8: [-(2 ** 7), 2 ** 7 - 1],
  s16: [-(2 ** 15), 2 ** 15 - 1],
  s32: [-(2 ** 31), 2 ** 31 - 1],
  // A field's id is a u32 of which `field` makes a signed number.
  "field-id": [-(2 ** 31), 2 ** 32 - 1],
};

/** What a value is, for a message. */
export function described(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "undefined":
      return "missing";
    case "string":
      return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
    case "number":
    case "boolean":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return typeof value.then === "function" ? "a promise" : "an object";
    default:
      return `a ${typeof value}`;
  }
}

/** A value that is not of its type; `path` leads to it. */
class Mismatch extends Error {
  constructor(value, wanted) {
    super();
    this.path = "";
    this.problem = `is ${described(value)}; it must be ${wanted}`;
  }
}

/** What was thrown, seen from one step further out. */
function within(thrown, step) {
  if (thrown instanceof Mismatch) thrown.path = step + thrown.path;
  return thrown;
}

function integer(name) {
  const [least, most] = INTEGERS[name];
  const wanted = name === "field-id" ? "what `field(…)` returned" : `a whole number from ${least} to ${most}`;
  return (value) => {
    if (!Number.isInteger(value) || value < least || value > most) throw new Mismatch(value, wanted);
    // All bits of what is beyond 2^31 - 1 cross in a signed number only.
    return value > 0x7fffffff ? value | 0 : value;
  };
}

/** 64 bits cross as a double; a BigInt, which columns of times hold, becomes one. */
function wide(least, most, wanted) {
  return (value) => {
    const number = typeof value === "bigint" ? Number(value) : value;
    if (!Number.isInteger(number) || number < least || number > most) throw new Mismatch(value, wanted);
    return number;
  };
}

function simple(type, wanted) {
  return (value) => {
    if (typeof value !== type) throw new Mismatch(value, wanted);
    return value;
  };
}

function list(type) {
  const item = typed(type);
  return (value) => {
    if (type === "u8" && value instanceof Uint8Array) return value;
    if (!Array.isArray(value) && (!ArrayBuffer.isView(value) || value instanceof DataView)) throw new Mismatch(value, "a list");
    const out = new Array(value.length);
    let at = 0;
    try {
      for (; at < out.length; at++) out[at] = item(value[at]);
    } catch (thrown) {
      throw within(thrown, `[${at}]`);
    }
    return out;
  };
}

function record(fields) {
  const names = Object.keys(fields);
  const types = names.map((name) => typed(fields[name]));
  const wanted = `an object with ${names.join(", ")}`;
  return (value) => {
    if (typeof value !== "object" || value === null) throw new Mismatch(value, wanted);
    known(value, names, "an object that is handed over");
    const out = {};
    let at = 0;
    try {
      for (; at < names.length; at++) out[names[at]] = types[at](value[names[at]]);
    } catch (thrown) {
      throw within(thrown, `.${names[at]}`);
    }
    return out;
  };
}

function variant(cases) {
  const types = new Map(Object.entries(cases).map(([tag, type]) => [tag, type === null ? null : typed(type)]));
  const tags = Object.keys(cases).join(", ");
  return (value) => {
    if (typeof value !== "object" || value === null) throw new Mismatch(value, `an object whose \`tag\` is one of ${tags}`);
    const { tag } = value;
    const type = types.get(tag);
    if (type === undefined) throw within(new Mismatch(tag, `one of ${tags}`), ".tag");
    if (type === null) return { tag };
    try {
      return { tag, val: type(value.val) };
    } catch (thrown) {
      throw within(thrown, ".val");
    }
  };
}

/** A function that checks a value and returns what to hand over. */
function typed(type) {
  if (type in INTEGERS) return integer(type);
  switch (type) {
    case "u64":
      return wide(0, 2 ** 64, "a whole number of at least 0 in 64 bits");
    case "s64":
      return wide(-(2 ** 63), 2 ** 63, "a whole number in 64 bits");
    case "f32":
    case "f64":
      return simple("number", "a number");
    case "bool":
      return simple("boolean", "true or false");
    case "string": {
      const text = simple("string", "a text");
      return (value) => text(value).toWellFormed();
    }
  }
  if (type.list !== undefined) return list(type.list);
  if (type.record !== undefined) return record(type.record);
  if (type.variant !== undefined) return variant(type.variant);
  if (type.option !== undefined) {
    const inner = typed(type.option);
    return (value) => (value === null || value === undefined ? null : inner(value));
  }
  const wanted = `one of ${type.enum.join(", ")}`;
  return (value) => {
    if (!type.enum.includes(value)) throw new Mismatch(value, wanted);
    return value;
  };
}

/** A function that checks a value of this type, calls it by `name` when it is wrong, and returns what to hand over. */
export function checked(type, name) {
  const check = typed(type);
  return (value) => {
    try {
      return check(value);
    } catch (thrown) {
      throw thrown instanceof Mismatch ? new TypeError(`${name}${thrown.path} ${thrown.problem}`) : thrown;
    }
  };
}

/** Refuses properties that are not among `names`, which a misspelt one is. */
export function known(value, names, path) {
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw new TypeError(`${path} has no property \`${name}\`; it has ${names.join(", ")}`);
  }
}
