// Reports flows that send much to a port of a cleartext protocol, reading whole rows.
//
// Rows are the convenient way, and the slow one: a rule fetches the few rows that its
// columns point at. This one fetches all, so that the two ways can be compared. Numbers of
// 64 bits in rows are doubles: exact up to 2^53.

import flows from "palisade:plugin/network-flow@0.1.0";
import { emit } from "palisade-sdk/findings.js";
import { settings } from "palisade-sdk/settings.js";

// Telnet, MQTT and CoAP.
const PORTS = [23, 1883, 5683];
let limit = 0;

export const plugin = {
  configure(list) {
    limit = settings(list)["bytes-out-over"];
  },
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const all = flows.rows(Array.from({ length: rows }, (_, row) => row));
    all.forEach((flow, row) => {
      if (PORTS.includes(flow.dst.port) && flow.bytesOut > limit) {
        emit({
          rule: "rows-1",
          subject: `address:${flow.src.ip}`,
          summary: `${flow.bytesOut} bytes sent to port ${flow.dst.port}`,
          rows: [row],
        });
      }
    });
  },
};
