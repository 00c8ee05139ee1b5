import batch from "palisade:plugin/batch@0.1.0";
import findings from "palisade:plugin/findings@0.1.0";

function field(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const PORT = field("dst.port");
const BYTES = field("bytes-out");
const SOURCE = field("src.ip");
let limit = 0n;

export const plugin = {
  configure(settings) {
    for (const { name, value } of settings) {
      if (name === "bytes-out-over") limit = BigInt(value.val);
    }
  },
};

export const evaluate = {
  evaluate(subscription, rows) {
    const p = batch.raw(PORT, "values");
    const ports = new Uint16Array(p.buffer, p.byteOffset, rows);
    const b = batch.raw(BYTES, "values");
    const bytes = new BigUint64Array(b.buffer, b.byteOffset, rows);
    const sources = batch.raw(SOURCE, "values");
    for (let row = 0; row < rows; row++) {
      const port = ports[row];
      if ((port === 23 || port === 1883 || port === 5683) && bytes[row] > limit) {
        findings.emit({
          rule: "boundary-1",
          severity: null,
          subject: `address:${Array.from(sources.subarray(row * 16 + 12, row * 16 + 16)).join(".")}`,
          summary: `${bytes[row]} bytes sent to port ${port}`,
          rows: [row],
          events: [],
          details: [],
          actions: [],
        });
      }
    }
  },
};
