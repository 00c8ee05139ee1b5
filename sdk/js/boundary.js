// What stands between an author's module and the host: every call is checked on its way out,
// and every exception becomes a fault that says what and where. The build imports this; plugins
// need not.

import { abort } from "palisade-host/native-fault.js";
import { blaming, strict, toBlame } from "./known.js";
import { begin, checkAnswer, checkOf, countCall, note, rowsShown } from "./refused.js";
import { checked, described } from "./types.js";

/** Modules are loaded while the plugin is built, when there is no host to call. */
let running = false;

const FRAMES = 32;
const MESSAGE = 2048;
/** Frames of what is not the author's, which say nothing to an author. */
const GLUE = /palisade-(host|sdk)\//;

function frames(stack) {
  const found = [];
  for (const line of String(stack).split("\n")) {
    const frame = line.trim();
    if (!frame.startsWith("at ") || frame.includes("(native)")) continue;
    const shown = frame.slice(3).replace(/(^|\()\/(node_modules\/)?/, "$1");
    if (!GLUE.test(shown) && found.length < FRAMES) found.push(shown);
  }
  return found;
}

/** `file`, `line` and `column` of the innermost frame of the author's. */
function place(stack) {
  const own = stack[0] ?? "";
  const [, file, line, column] = /([^\s()]+?):(\d+)(?::(\d+))?\)?$/.exec(own) ?? [];
  return { file: file ?? "", line: Number(line ?? 0), column: Number(column ?? 0) };
}

/** The stack where something else than a new Error was last thrown. */
let lastThrown = "";

/** The build puts a call of this before what an author's module throws; see `globals.js`. */
export function throws() {
  lastThrown = new Error().stack;
}

const SHOWN = 120;

/** What was thrown that is no Error, for a message. */
function noError(thrown) {
  if (thrown === undefined) return "undefined";
  if (isRefusal(thrown)) return `a refusal of the setting \`${thrown.name}\` (only \`configure\` refuses settings)`;
  const what = described(thrown);
  if (typeof thrown !== "object" || thrown === null) return what;
  let text = "";
  try {
    text = JSON.stringify(thrown) ?? "";
  } catch {
    // What it is says enough.
  }
  return text === "" || text === "{}" ? what : `${what}, ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text},`;
}

/** What was thrown, whatever it is. */
export function told(thrown) {
  let message = "an exception that cannot be read";
  // A getter or a `toString` of the exception, which run here, may throw too.
  const last = lastThrown;
  let stack = [];
  try {
    if (thrown instanceof Error) {
      stack = frames(thrown.stack);
      message = `${thrown.name}: ${thrown.message}`;
      if (thrown.cause !== undefined) message += `\nbecause of ${thrown.cause instanceof Error ? thrown.cause : described(thrown.cause)}`;
    } else {
      stack = frames(last);
      const unplaced = stack.length === 0 ? " and tells no place" : "";
      message = `${noError(thrown)} was thrown, which is no Error${unplaced}; throw an Error`;
    }
  } catch {
    // What is known so far counts.
    if (stack.length === 0) stack = frames(last);
  }
  const lines = [message.slice(0, MESSAGE), ...stack.map((frame) => `    at ${frame}`)];
  const at = place(stack);
  return { message: missing(lines.join("\n"), at).toWellFormed(), ...at };
}

/** By file and line what each line of the author's calls, where the build has told it. */
let calls = {};

/** For the build alone: see `calls.rs` there. */
export function learnCalls(told) {
  calls = told;
}

/** The engine names no function that is not there, so this names those that its line calls. */
function missing(message, { file, line }) {
  const called = calls[file]?.[line];
  if (called === undefined || !/^TypeError: not a function$/m.test(message)) return message;
  const names = called.map((name) => `\`${name}\``);
  const said = names.length === 1 ? `${names[0]} is not a function` : `not a function: one of ${names.join(", ")}, which line ${line} calls`;
  return message.replace(/^TypeError: not a function$/m, `TypeError: ${said}`);
}

/** Ends the call of an author's function; where nothing tells a line, it is the function's own. */
function fail(thrown, called) {
  const { message, file, line, column } = told(thrown);
  if (file !== "") abort(message, file.toWellFormed(), line, column);
  called = toBlame(thrown) ?? called;
  // QuickJS has both for functions of a script.
  const own = String(called.fileName ?? "").replace(/^\/(node_modules\/)?/, "");
  if (own === "" || GLUE.test(own)) abort(message, "", 0, 0);
  abort(`${message}\n    at ${called.name} (${own}:${called.lineNumber})`, own.toWellFormed(), Number(called.lineNumber ?? 0), 0);
}

/** An argument, checked; where it should be rows, what is said has how many there are. */
function argument(type, value) {
  try {
    return type(value);
  } catch (thrown) {
    if (thrown instanceof TypeError && rowsShown() > 0 && /\brows?\b/.test(thrown.message)) thrown.message += `; the batch has ${rowsShown()}, and the first is 0`;
    throw thrown;
  }
}

/** A function of the host, whose arguments are checked, so that a wrong one is told with its line. `params` are names and types. */
export function hosted(name, native, params) {
  const types = params.map(([param, type]) => checked(type, `\`${name}\`: ${param}`));
  const check = checkOf(name);
  const wanted = params.length === 0 ? "no arguments" : `(${params.map(([param]) => param).join(", ")})`;
  return (...args) => {
    if (!running) {
      throw new Error(`\`${name}\` is called while the module is loaded, which happens when the plugin is built; call it from \`configure\` or later`);
    }
    if (args.length !== types.length) throw new TypeError(`\`${name}\` is given ${args.length} arguments; it takes ${wanted}`);
    const given = args.map((value, at) => argument(types[at], value));
    countCall(name);
    check(...given);
    const answer = native(...given);
    note(name, given, answer);
    return answer;
  };
}

/** The functions of an interface of the host, by its name; to read another throws. */
export const hostInterface = (name, functions) => strict(functions, `\`${name}\``, Object.keys(functions));

/** What `configure` throws to refuse a setting: no Error, which would be a mistake in it. */
function isRefusal(thrown) {
  try {
    return typeof thrown === "object" && thrown !== null && !(thrown instanceof Error) && typeof thrown.name === "string" && typeof thrown.message === "string";
  } catch {
    return false;
  }
}

function guarded(module, path, call, { result, refuses }) {
  const answer = result === null ? null : checked(result, `what \`${path}\` returned`);
  return (...args) => {
    running = true;
    lastThrown = "";
    begin(path, args);
    try {
      const value = module[call](...args);
      if (answer !== null) {
        return blaming(module[call], () => {
          const given = answer(value);
          checkAnswer(path, given);
          return given;
        });
      }
      if (typeof value?.then === "function") {
        throw new TypeError(`\`${path}\` returned a promise, which nobody waits for; calls of a plugin end when they return`);
      }
    } catch (thrown) {
      if (refuses && isRefusal(thrown)) {
        const { file, line } = place(frames(lastThrown));
        const message = file === "" ? thrown.message : `${thrown.message} (${file}:${line})`;
        throw { name: thrown.name.toWellFormed(), message: message.toWellFormed() };
      }
      fail(thrown, module[call]);
    }
  };
}

/** An exported interface, each of its functions guarded. Throws when the author has none such. */
export function exported(author, name, functions) {
  const module = author[name];
  const has = Object.keys(author).map((other) => `\`${other}\``).join(", ") || "nothing";
  if (typeof module !== "object" || module === null) {
    const example = `export const ${name} = { ${Object.keys(functions).map((call) => `${call}(…) {…}`).join(", ")} };`;
    throw new Error(`plugin.js does not export \`${name}\`, as plugin.toml promises; it exports ${has}; write \`${example}\``);
  }
  const out = {};
  for (const [call, kind] of Object.entries(functions)) {
    const path = `${name}.${call}`;
    if (typeof module[call] !== "function") {
      const members = Object.keys(module).map((other) => `\`${other}\``).join(", ") || "nothing";
      throw new Error(`\`${name}\` in plugin.js has no function \`${call}\`; it has ${members}`);
    }
    if (/^Async|Generator/.test(module[call].constructor?.name ?? "")) {
      throw new Error(`\`${path}\` in plugin.js is async or a generator; calls of a plugin end when they return, so write a plain function`);
    }
    out[call] = guarded(module, path, call, kind);
  }
  return out;
}
