/** Writes to the plugin's log; throws where the manifest does not ask for the capability `log`. */
declare const console: Readonly<Record<"debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>>;
