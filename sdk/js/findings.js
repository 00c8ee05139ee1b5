// Findings with everything but the rule and what is cited left to defaults.

import findings from "palisade:plugin/findings@0.1.0";

/** Details as a plain object become named texts and numbers. */
function details(of) {
  return Object.entries(of).map(([name, value]) => ({
    name,
    value: typeof value === "number" ? { tag: "number", val: value } : { tag: "text", val: String(value) },
  }));
}

/**
 * Files a finding; it takes effect when the call returns. Traps when the manifest does
 * not declare the rule, when nothing is cited (save from a timer), and beyond the limits
 * that the interface states.
 */
export function emit(finding) {
  findings.emit({
    rule: finding.rule,
    severity: finding.severity ?? null,
    subject: finding.subject ?? "",
    summary: finding.summary ?? "",
    rows: finding.rows ?? [],
    events: finding.events ?? [],
    details: details(finding.details ?? {}),
    actions: finding.actions ?? [],
  });
}

/** Withdraws this plugin's findings of `rule` about `subject`. */
export const retract = (rule, subject) => findings.retract(rule, subject);
