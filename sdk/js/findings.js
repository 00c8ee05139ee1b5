// Findings with everything but the rule and what is cited left to defaults.

import findings from "palisade:plugin/findings@0.1.0";
import { byteLength, clip } from "./text.js";

/** Details as a plain object become named texts and numbers, 4 KiB together. */
function details(of) {
  let left = 4096;
  return Object.entries(of).map(([name, value]) => {
    left -= name.length;
    if (typeof value === "number") {
      left -= 8;
      return { name, value: { tag: "number", val: value } };
    }
    const text = clip(String(value), Math.max(left, 0));
    left -= byteLength(text);
    return { name, value: { tag: "text", val: text } };
  });
}

/**
 * Files a finding; it takes effect when the call returns. Traps when the manifest does
 * not declare the rule, when nothing is cited (save from a timer), and beyond the limits
 * that the interface states; subject, summary and details are cut to theirs.
 */
export function emit(finding) {
  findings.emit({
    rule: finding.rule,
    severity: finding.severity ?? null,
    subject: clip(finding.subject ?? "", 256),
    summary: clip(finding.summary ?? "", 1024),
    rows: finding.rows ?? [],
    events: finding.events ?? [],
    details: details(finding.details ?? {}),
    actions: finding.actions ?? [],
  });
}

/** Withdraws this plugin's findings of `rule` about `subject`. */
export const retract = (rule, subject) => findings.retract(rule, subject);
