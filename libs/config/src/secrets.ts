import type { Setting } from './layer.ts';

const SECRET = /pass(word|phrase)?$|secret|token|credential|private|api_?key|signing_?key|sasl/i;
const CONNECTION = /(url|uri|dsn)$/i;
/** What a text with a secret looks like: a login before a host, or a field of its own. */
const LOGIN = /@|pass(word|phrase|wd)?|secret|token|credential|api_?key/i;
const HIDDEN = '***';

/**
 * A value as errors may show it. Hidden: what a `*_FILE` gave, places of secrets, and texts that look like a login. Of a
 * URL that has a password, the rest is shown.
 */
export function shown({ path, value, secret }: Setting): string {
  if (secret || path.some((name) => SECRET.test(name))) return HIDDEN;
  // What is no URL, in the place of one, may be the password alone.
  if (CONNECTION.test(path.at(-1) ?? '') && !/^[a-z][a-z0-9+.-]*:\/\//i.test(String(value))) return HIDDEN;
  const text = withoutUrlPassword(JSON.stringify(value, bigintAsText));
  if (LOGIN.test(text.replaceAll(`:${HIDDEN}@`, ''))) return HIDDEN;
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** A message may quote the value that it complains about. */
export function withoutSecret(message: string, setting: Setting | undefined): string {
  if (setting === undefined || shown(setting) !== HIDDEN) return withoutUrlPassword(message);
  return textsOf(setting.value).reduce((text, one) => text.replaceAll(one, HIDDEN), message);
}

/** A place as errors may show it. A name may be a value that stands in a wrong line. */
export function shownPath(path: readonly string[]): string {
  return path.map((name) => (LOGIN.test(name) && !/^[\w-]+$/.test(name) ? HIDDEN : name)).join('.');
}

/** Whether the names below this place may be secrets themselves. */
export function isSecretPlace(path: readonly string[]): boolean {
  return path.some((name) => SECRET.test(name));
}

/** Longest first: a short one may be a part of another. */
function textsOf(value: unknown): readonly string[] {
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  return texts.filter((text) => text !== '').sort((a, b) => b.length - a.length);
}

function withoutUrlPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s]*@/gi, `$1${HIDDEN}@`);
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
