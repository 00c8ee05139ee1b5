export function decode(bytes: Uint8Array, start?: number, end?: number): string;
export function addressText(bytes: Uint8Array, start?: number): string;
export function clip(text: string, limit: number): string;
export function byteLength(text: string): number;
