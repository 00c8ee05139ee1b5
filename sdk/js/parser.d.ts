import type { Field } from "./field.d.ts";
import type { Kind, Transport } from "./names.d.ts";

export interface Chunk {
  session: number;
  toClient: boolean;
  transport: Transport;
  port: number;
  offset: number;
  gap: number;
  end: boolean;
  bytes: Uint8Array;
}

export type Outcome =
  | { tag: "done" }
  | { tag: "incomplete"; consumed: number; needed: number }
  | { tag: "error"; offset: number; message: string }
  | { tag: "handover"; offset: number };

export function done(): Outcome;
export function incomplete(consumed: number, needed?: number): Outcome;
export function error(offset: number, message: string): Outcome;
export function handover(offset: number): Outcome;

export interface Attribute {
  field: number;
  name: string;
}
export function attribute(name: string): Attribute;

export class Events {
  event(kind: Kind): this;
  u8(id: Field, value: number | boolean): this;
  u16(id: Field, value: number): this;
  u32(id: Field, value: number): this;
  u64(id: Field, value: number): this;
  text(id: Field, value: string): this;
  bytes(id: Field, value: Uint8Array): this;
  attribute(of: Attribute, value: string | number): this;
}

export interface ParserFunctions {
  probe(chunk: Chunk): "no" | "yes" | "more";
  parse(chunk: Chunk, events: Events): Outcome;
  close(session: number): void;
}

/** The export `parse`. */
export function parser(functions: ParserFunctions): object;
export function encode(text: string): Uint8Array;
