// What the host would refuse of a call, refused here first: an exception of the script has a
// line, and a fault of the host has none. The host checks all of it again. The build imports
// this; plugins need not.

import { columns, datasets, enums, limits, rules, subscriptions, tables } from "palisade-host/manifest.js";
import { nameOf } from "./field.js";
import { meant, nearest } from "./known.js";
import { byteLength } from "./text.js";

/** Limits that the interfaces state. */
const MAX_ROWS = 1024;
const MAX_KEY = 256;
const MAX_VALUE = 65_536;
const MAX_TIMER = 512;
const MAX_CITED = 64;
const MAX_SUBJECT = 256;
const MAX_SUMMARY = 1024;
const MAX_DETAILS = 32;
const MAX_DETAIL_BYTES = 4096;
const MAX_ACTIONS = 16;
const MAX_REASON = 1024;

/**
 * The running call: its path, where it has a batch, of which subscription and how many rows, and
 * how many calls of the host and findings there were in it, and which events it was told of.
 */
let call = { path: "", subscription: -1, rows: 0, hostCalls: 0, findings: 0, shown: new Set() };

/** For the boundary alone: an export is called. */
export function begin(path, args) {
  const [subscription, rows] = args;
  const fresh = { path, subscription: -1, rows: 0, hostCalls: 0, findings: 0, shown: new Set() };
  if (path === "evaluate.evaluate" || path === "observe.observe") call = { ...fresh, subscription, rows };
  else if (path === "decide.decide") call = { ...fresh, subscription, rows: 1 };
  else call = fresh;
}

/** How many rows the batch of the running call has. */
export const rowsShown = () => call.rows;

/** By its name the host knows what it is. */
class LimitExceeded extends RangeError {
  name = "LimitExceeded";
}

/** One more of what a call may do only so often. */
function count(name, what, key, advice) {
  if (++call[what] <= limits[what].most) return;
  const { most, raise } = limits[what];
  throw new LimitExceeded(`\`${name}\`: more than ${most} ${key} in one call; ${raise}${advice}`);
}

/** For the boundary alone: a function of the host is called. */
export function countCall(name) {
  count(name, "hostCalls", "calls of the host", "hand over all rows in one list, and not each by itself");
}

function used(name) {
  if (call.path === "plugin.configure") throw new Error(`\`${name}\` is called from \`configure\`, where there is nothing but settings and the log; call it later`);
}

/** The subscription that the batch is of. */
function batch(name) {
  used(name);
  const found = subscriptions[call.subscription];
  if (found === undefined) throw new Error(`\`${name}\` is called from \`${call.path}\`, which has no batch; call it where rows are shown`);
  return found;
}

const dotted = (kind) => kind.replace("-", ".");

function listed(name, id) {
  const { kind, fields } = batch(name);
  if (fields.includes(id | 0)) return { kind, column: columns.get(id | 0) };
  const shown = nameOf(id);
  const others = fields.map((field) => columns.get(field).name);
  const near = nearest(shown.replaceAll("`", ""), others);
  const advice = near === undefined ? `; it lists \`${others.join("`, `")}\`` : `; did you mean \`${near}\`?`;
  throw new TypeError(`\`${name}\`: the subscription to \`${dotted(kind)}\` in plugin.toml does not list ${shown} in its \`fields\`${advice}`);
}

function read(name, as) {
  return (id) => {
    const { kind, column } = listed(name, id);
    const actual = column.as[kind] ?? as;
    if (actual !== as && actual !== "attribute") throw new TypeError(`\`${name}\`: the column of \`${column.name}\` is of another type; read it by \`batch.${actual}\``);
  };
}

function within(name, rows) {
  batch(name);
  for (const row of rows) {
    if (row >= call.rows) throw new RangeError(`\`${name}\`: there is no row ${row}; the batch has ${call.rows}, and the first is 0`);
  }
}

function table(name, at, kind) {
  used(name);
  const found = tables[at];
  const all = tables.map((other, place) => `${place} is \`${other.name}\` (${other.kind})`).join(", ") || "none";
  if (found === undefined) throw new RangeError(`\`${name}\`: there is no table ${at}; plugin.toml declares ${all}`);
  if (kind !== null && found.kind !== kind) throw new TypeError(`\`${name}\`: table \`${found.name}\` is a \`${found.kind}\` table, not a \`${kind}\` table; plugin.toml declares ${all}`);
}

function dataset(name, at) {
  used(name);
  if (datasets[at] !== undefined) return;
  const all = datasets.map((other, place) => `${place} is \`${other}\``).join(", ") || "none";
  throw new RangeError(`\`${name}\`: there is no dataset ${at}; plugin.toml declares ${all}`);
}

function short(name, what, length, most) {
  if (length > most) throw new RangeError(`\`${name}\`: ${what} has a length of ${length}; at most ${most} is allowed`);
}

/** By its name the host knows what it is. */
class UndeclaredRule extends TypeError {
  name = "UndeclaredRule";
}

function rule(name, id) {
  if (!rules.includes(id)) throw new UndeclaredRule(`\`${name}\`: plugin.toml declares no rule \`${id.slice(0, 64)}\`${meant(id, rules)}`);
}

function finding(found) {
  const name = "findings.emit";
  used(name);
  count(name, "findings", "findings", "file one finding for what belongs together");
  rule(name, found.rule);
  if (found.rows.length === 0 && found.events.length === 0 && call.path !== "onTimer.onTimer") {
    throw new TypeError(`\`${name}\`: the finding cites neither a row nor an event; say in \`rows\` which it rests on`);
  }
  short(name, "subject", byteLength(found.subject), MAX_SUBJECT);
  short(name, "summary", byteLength(found.summary), MAX_SUMMARY);
  short(name, "the list of rows", found.rows.length, MAX_CITED);
  short(name, "the list of events", found.events.length, MAX_CITED);
  short(name, "the list of details", found.details.length, MAX_DETAILS);
  short(name, "the list of actions", found.actions.length, MAX_ACTIONS);
  if (found.rows.length > 0) within(name, found.rows);
  let bytes = 0;
  for (const { name: detail, value } of found.details) {
    bytes += byteLength(detail) + (value.tag === "text" ? byteLength(value.val) : 8);
    if (value.tag === "number" && !Number.isFinite(value.val)) throw new TypeError(`\`${name}\`: details.${detail} is ${value.val}; it must be a finite number`);
  }
  short(name, "all details together", bytes, MAX_DETAIL_BYTES);
}

const CHECKS = {
  "batch.current-kind": () => batch("batch.current-kind"),
  "batch.u8s": read("batch.u8s", "u8s"),
  "batch.u16s": read("batch.u16s", "u16s"),
  "batch.u32s": read("batch.u32s", "u32s"),
  "batch.u64s": read("batch.u64s", "u64s"),
  "batch.f64s": read("batch.f64s", "f64s"),
  "batch.addresses": read("batch.addresses", "addresses"),
  "batch.text": read("batch.text", "text"),
  "batch.valid": (id) => listed("batch.valid", id),
  "batch.offsets": (id) => listed("batch.offsets", id),
  "batch.raw": (id) => listed("batch.raw", id),
  "batch.enum-names"(id) {
    batch("batch.enum-names");
    if (columns.has(id | 0) && !enums.includes(id | 0)) throw new TypeError(`\`batch.enum-names\`: ${nameOf(id)} is no enum`);
  },
  "state.count"(at, rows) {
    table("state.count", at, "count");
    within("state.count", rows);
  },
  "state.sum"(at, id, rows) {
    table("state.sum", at, "sum");
    listed("state.sum", id);
    within("state.sum", rows);
  },
  "state.distinct"(at, id, rows) {
    table("state.distinct", at, "distinct");
    listed("state.distinct", id);
    within("state.distinct", rows);
  },
  "state.first"(at, rows) {
    table("state.first", at, "first");
    within("state.first", rows);
  },
  "state.citations"(at, row) {
    table("state.citations", at, null);
    within("state.citations", [row]);
  },
  "state.get": (at) => table("state.get", at, "value"),
  "state.put"(at, key, value) {
    table("state.put", at, "value");
    short("state.put", "key", byteLength(key), MAX_KEY);
    short("state.put", "value", value.length, MAX_VALUE);
  },
  "state.remove": (at) => table("state.remove", at, "value"),
  "timers.set"(name, key) {
    used("timers.set");
    short("timers.set", "name and key", byteLength(name) + byteLength(key), MAX_TIMER);
  },
  "timers.cancel": () => used("timers.cancel"),
  "datasets.matches"(at, id, rows) {
    dataset("datasets.matches", at);
    listed("datasets.matches", id);
    within("datasets.matches", rows);
  },
  "datasets.lookup": (at) => dataset("datasets.lookup", at),
  "datasets.entries"(at, entries) {
    dataset("datasets.entries", at);
    short("datasets.entries", "list", entries.length, MAX_ROWS);
  },
  "findings.emit": finding,
  "findings.retract"(id, subject) {
    used("findings.retract");
    count("findings.retract", "findings", "findings and retractions", "retract once a subject");
    rule("findings.retract", id);
    short("findings.retract", "subject", byteLength(subject), MAX_SUBJECT);
  },
};

const EVENTS = {
  "state.citations": (_given, refs) => refs,
  "envelope.rows": (_given, envelopes) => envelopes.map((envelope) => envelope.eventRef),
  "batch.u64s": ([id], values) => (columns.get(id | 0)?.name === "event-ref" ? values : []),
};

/** For the boundary alone: what a function of the host has answered, which may be events to cite. */
export function note(name, given, answer) {
  for (const event of EVENTS[name]?.(given, answer) ?? []) call.shown.add(event);
}

/** Checks what an export returned; it is of its type already. */
export function checkAnswer(path, value) {
  if (path !== "decide.decide") return;
  for (const { rule: id, reason, events } of value) {
    rule("decide", id);
    // The host takes the request itself too, of which only the host could have told.
    for (const event of events) {
      if (!call.shown.has(event)) throw new TypeError(`\`decide\`: the judgement of rule \`${id}\` cites event-ref 0x${event.toString(16)}, which this call was not shown; cite what \`state.citations\` returned in it`);
    }
    short("decide", `the reason of rule \`${id}\``, byteLength(reason), MAX_REASON);
  }
}

/** What checks the arguments of a function of the host, `interface.function`; they are of their types already. */
export function checkOf(name) {
  const [owner, called] = name.split(".");
  if (called !== "rows") return CHECKS[name] ?? (() => {});
  return (rows) => {
    const { kind } = batch(name);
    if (owner !== "envelope" && owner !== kind) throw new Error(`\`${name}\` is called while the batch is of kind \`${dotted(kind)}\``);
    short(name, "list", rows.length, MAX_ROWS);
    within(name, rows);
  };
}
