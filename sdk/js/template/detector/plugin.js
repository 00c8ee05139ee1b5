// Reports flows to a port that nobody should use.

import { Addresses, u16s } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import { emit } from "palisade-sdk/findings.js";
import { settings } from "palisade-sdk/settings.js";

const DST_PORT = field("dst.port");
const SRC_IP = field("src.ip");

let forbidden = 0;

export const plugin = {
  configure(list) {
    forbidden = Number(settings(list).port);
  },
};

export const evaluate = {
  evaluate(_subscription, rows) {
    // A column has one value a row; a port that the flow does not have is 0.
    const ports = u16s(DST_PORT);
    const sources = new Addresses(SRC_IP);
    for (let row = 0; row < rows; row++) {
      if (ports[row] === forbidden) {
        emit({
          rule: "forbidden-port",
          subject: `address:${sources.text(row)}`,
          summary: `flow to port ${ports[row]}`,
          rows: [row],
        });
      }
    }
  },
};
