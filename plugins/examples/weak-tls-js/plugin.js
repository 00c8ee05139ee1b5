// Reports TLS and DTLS handshakes below the approved versions and ciphers, and asks for
// an upgrade where the version's end is announced.

import state from "palisade:plugin/state@0.1.0";
import { Addresses, Text, u64s, u8s, valid } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import { emit } from "palisade-sdk/findings.js";
import { settings } from "palisade-sdk/settings.js";
import { Approval } from "./approval.js";

const RULE = "IOT-2.3a";
// Address and version of handshakes whose upgrade was asked for.
const TOLD = 0;
const TIME = field("time");
const ADDRESS = field("src.ip");
const DEVICE = field("owner.device");
const VERSION = field("version");
const CIPHER = field("cipher");
const ESTABLISHED = field("established");

let approval;

export const plugin = {
  configure(list) {
    approval = new Approval(settings(list));
  },
};

function weak(subject, row, version, cipher, old, word) {
  const why = [old ? "version" : null, word].filter(Boolean).join(", ");
  emit({
    rule: RULE,
    subject,
    summary: `${version} with ${cipher} is not approved: ${why}`,
    rows: [row],
    details: { version, cipher },
    actions: [{ tag: "block", val: ["session"] }],
  });
}

function retiring(subject, row, version, sunset) {
  const obligation = {
    id: `${RULE}/${subject}/${version}`,
    key: subject,
    duty: "upgrade",
    // Exact: whole seconds are multiples of 512 ns.
    due: Number(sunset.due),
    onExpiry: "escalate:operator",
  };
  emit({
    rule: RULE,
    severity: "low",
    subject,
    summary: `${version} is retired on ${sunset.day}`,
    rows: [row],
    details: { version },
    actions: [{ tag: "open-obligation", val: obligation }],
  });
}

export const evaluate = {
  evaluate(_subscription, rows) {
    const versions = new Text(VERSION);
    const ciphers = new Text(CIPHER);
    const devices = new Text(DEVICE);
    const addresses = new Addresses(ADDRESS);
    const times = u64s(TIME);
    const established = u8s(ESTABLISHED);
    const known = valid(ESTABLISHED);
    for (let row = 0; row < rows; row++) {
      const version = versions.text(row);
      if (version === "" || (known(row) && established[row] === 0)) continue;
      const cipher = ciphers.text(row);
      const sunset = approval.sunset(version);
      const old = approval.isOld(version) || (sunset !== undefined && sunset.due <= times[row]);
      const word = approval.forbidden(cipher);
      const device = devices.text(row);
      const subject = device === "" ? `address:${addresses.text(row)}` : `device:${device}`;
      if (old || word !== undefined) {
        weak(subject, row, version, cipher, old, word);
      } else if (sunset !== undefined && state.first(TOLD, [row])[0] === 1) {
        retiring(subject, row, version, sunset);
      }
    }
  },
};
