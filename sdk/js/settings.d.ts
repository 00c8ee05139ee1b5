export type SettingValue =
  | { tag: "text"; val: string }
  | { tag: "integer" | "number"; val: number }
  | { tag: "boolean"; val: boolean }
  | { tag: "texts"; val: string[] };

export interface Setting {
  name: string;
  value: SettingValue;
}

export function settings(list: Setting[]): Record<string, string | number | boolean | string[]>;
export function refuse(name: string, message: string): { name: string; message: string };
