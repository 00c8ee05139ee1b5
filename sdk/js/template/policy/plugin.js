// Judges whether a publication may go out.

import { enumNames, u8s } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";

const ACTION = field("action");
const CONTAINS = field("contains");

const RULE = "no-exploit-code";

export const plugin = {
  configure(_list) {},
};

function judgement(verdict, reason) {
  return { rule: RULE, verdict: { tag: verdict }, reason, obligations: [], events: [] };
}

export const decide = {
  decide(_subscription) {
    // There is one row: the request. What an enum's numbers mean, its names say.
    if (enumNames(ACTION)[u8s(ACTION)[0]] !== "publish") return [];
    const flags = enumNames(CONTAINS);
    const contains = Array.from(u8s(CONTAINS), (code) => flags[code]);
    return contains.includes("exploit-code")
      ? [judgement("deny", "the publication contains exploit code; take it out")]
      : [judgement("permit", "the publication contains no exploit code")];
  },
};
