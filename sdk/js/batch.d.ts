import type { Field } from "./field.d.ts";
import type { Kind } from "./names.d.ts";

export function u8s(id: Field): Uint8Array;
export function u16s(id: Field): Uint16Array;
export function u32s(id: Field): Uint32Array;
export function u64s(id: Field): BigUint64Array;
export function f64s(id: Field): Float64Array;
export function valid(id: Field): (row: number) => boolean;
export function offsets(id: Field): Uint32Array;
export function enumNames(id: Field): string[];
export function kind(): Kind;

export class Addresses {
  constructor(id: Field);
  readonly bytes: Uint8Array;
  readonly length: number;
  text(row: number): string;
  octets(row: number): Uint8Array;
}

export class Text {
  constructor(id: Field);
  readonly length: number;
  text(row: number): string;
  bytes(row: number): Uint8Array;
}
