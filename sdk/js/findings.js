// Findings with everything but the rule and what is cited left to defaults.

import findings from "palisade:plugin/findings@0.1.0";
import { byteLength, clip } from "./text.js";
import { described, known } from "./types.js";

/** What a finding may have. */
const PARTS = ["rule", "severity", "subject", "summary", "rows", "events", "details", "actions"];

/** A text of a finding, cut to its limit. */
function text(finding, name, limit) {
  const value = finding[name] ?? "";
  if (typeof value !== "string") throw new TypeError(`\`emit\`: ${name} is ${described(value)}; it must be a text`);
  return clip(value.toWellFormed(), limit);
}

/** Details as a plain object become named texts and numbers, 4 KiB together. */
function details(of) {
  let left = 4096;
  return Object.entries(of).map(([name, value]) => {
    left -= name.length;
    if (value === undefined || value === null) {
      throw new TypeError(`\`emit\`: details.${name} is ${described(value)}; leave it out where there is none`);
    }
    if (typeof value === "number") {
      left -= 8;
      return { name, value: { tag: "number", val: value } };
    }
    const shown = clip(String(value).toWellFormed(), Math.max(left, 0));
    left -= byteLength(shown);
    return { name, value: { tag: "text", val: shown } };
  });
}

/**
 * Files a finding; it takes effect when the call returns. A fault when the manifest does
 * not declare the rule, when nothing is cited (save from a timer), and beyond the limits
 * that the interface states; subject, summary and details are cut to theirs. Throws when a
 * property is misspelt or of another type.
 */
export function emit(finding) {
  if (typeof finding !== "object" || finding === null) throw new TypeError(`\`emit\`: the finding is ${described(finding)}; it must be an object with ${PARTS.join(", ")}`);
  known(finding, PARTS, "`emit`: the finding");
  findings.emit({
    rule: finding.rule,
    severity: finding.severity ?? null,
    subject: text(finding, "subject", 256),
    summary: text(finding, "summary", 1024),
    rows: finding.rows ?? [],
    events: finding.events ?? [],
    details: details(finding.details ?? {}),
    actions: finding.actions ?? [],
  });
}

/** Withdraws this plugin's findings of `rule` about `subject`. */
export const retract = (rule, subject) => findings.retract(rule, subject);
