// The operator's settings.

/**
 * All settings as a plain object by name. A whole number comes as a number, exact up to
 * 2^53.
 */
export function settings(list) {
  const out = {};
  for (const { name, value } of list) out[name] = value.val;
  return out;
}

/** What `configure` throws to refuse a setting. */
export const refuse = (name, message) => ({ name, message });
