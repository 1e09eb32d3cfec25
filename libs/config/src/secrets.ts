import type { Setting } from './layer.ts';

const SECRET = /pass(word|phrase)?$|secret|token|credential|private|api_?key|signing_?key|sasl/i;
const CONNECTION = /(url|uri|dsn)$/i;
/** Signs of a secret in a text: a login before a host, or the name of a secret field. */
const LOGIN = /@|pass(word|phrase|wd)?|secret|token|credential|api_?key/i;
const HIDDEN = '***';

/**
 * Formats a value for errors, with secrets hidden. Values from a `*_FILE`, settings with secret names, and texts that
 * look like a login are hidden. In a URL only the password is hidden.
 */
export function formatValue({ path, value, secret }: Setting): string {
  if (secret || path.some((name) => SECRET.test(name))) return HIDDEN;
  // A text that is not a URL, in a setting for URLs, may be a password alone.
  if (CONNECTION.test(path.at(-1) ?? '') && !/^[a-z][a-z0-9+.-]*:\/\//i.test(String(value))) return HIDDEN;
  const text = redactUrlPassword(JSON.stringify(value, bigintAsText));
  if (LOGIN.test(text.replaceAll(`:${HIDDEN}@`, ''))) return HIDDEN;
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/**
 * Returns a message without a setting's secret, which it may quote. A secret in part of it, as 16 in "a token has 16 characters", is
 * no quotation, and a hole in place of it would say what it is: then the whole message goes.
 */
export function redact(message: string, setting: Setting | undefined): string {
  if (setting === undefined || formatValue(setting) !== HIDDEN) return redactUrlPassword(message);
  const texts = textsOf(setting.value);
  return texts.some((one) => message.includes(one)) ? 'the value cannot be used here' : message;
}

/** Formats a path for errors. A name may be a value that was entered on the wrong line. */
export function formatPath(path: readonly string[]): string {
  return path.map((name) => (LOGIN.test(name) && !/^[\w-]+$/.test(name) ? HIDDEN : name)).join('.');
}

/** True when the names below this path may be secrets themselves. */
export function isSecretPlace(path: readonly string[]): boolean {
  return path.some((name) => SECRET.test(name));
}

/** Lists the texts of a value, longest first, because a short text may be part of another. */
function textsOf(value: unknown): readonly string[] {
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  return texts.filter((text) => text !== '').sort((a, b) => b.length - a.length);
}

function redactUrlPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s]*@/gi, `$1${HIDDEN}@`);
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
