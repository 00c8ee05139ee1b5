import type { Severity } from "./names.d.ts";

export type BlockScope = "source" | "destination" | "propagation-path" | "port" | "account" | "site" | "session";

export interface ApprovalAsk {
  approverRole: string;
  question: string;
  /** Nanoseconds; rounded to 256 of them. */
  expires: number | null;
}

export interface Obligation {
  id: string;
  key: string;
  duty: string;
  /** Nanoseconds; rounded to 256 of them. */
  due: number;
  onExpiry: string;
}

export type Action =
  | { tag: "block"; val: BlockScope[] }
  | { tag: "quarantine" | "lift" | "escalate" | "discharge-obligation"; val: string }
  | { tag: "require-approval"; val: ApprovalAsk }
  | { tag: "open-obligation"; val: Obligation }
  | { tag: "hold-evidence" };

export interface Finding {
  rule: string;
  severity?: Severity;
  subject?: string;
  summary?: string;
  rows?: number[];
  /** As `state` returned them during this call. */
  events?: number[];
  details?: Record<string, string | number>;
  actions?: Action[];
}

export function emit(finding: Finding): void;
export function retract(rule: string, subject: string): void;
