import type { FieldName } from "./names.d.ts";

/** Id of a field. */
export type Field = number & { readonly field: unique symbol };

export function field(name: FieldName): Field;

export const MILLISECOND: bigint;
export const SECOND: bigint;
export const MINUTE: bigint;
export const HOUR: bigint;
export const DAY: bigint;
