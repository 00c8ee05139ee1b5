// Reports flows that send much to a port of a cleartext protocol.

import { Addresses, u16s, u64s } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import { emit } from "palisade-sdk/findings.js";
import { settings } from "palisade-sdk/settings.js";

const DST_PORT = field("dst.port");
const BYTES_OUT = field("bytes-out");
const SRC_IP = field("src.ip");

// Telnet, MQTT and CoAP.
const PORTS = [23, 1883, 5683];
let limit = 0n;

export const plugin = {
  configure(list) {
    limit = BigInt(settings(list)["bytes-out-over"]);
  },
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const ports = u16s(DST_PORT);
    const bytes = u64s(BYTES_OUT);
    const sources = new Addresses(SRC_IP);
    for (let row = 0; row < rows; row++) {
      if (PORTS.includes(ports[row]) && bytes[row] > limit) {
        emit({
          rule: "boundary-1",
          subject: `address:${sources.text(row)}`,
          summary: `${bytes[row]} bytes sent to port ${ports[row]}`,
          rows: [row],
        });
      }
    }
  },
};
