import type { Setting } from './config-layer.ts';

const SECRET = /pass(word|phrase)?$|secret|token|credential|private|api_?key|sasl_?jaas/i;

/** A value as it may be shown. Everything that was read from a `*_FILE` is a secret, and so is a URL's password. */
export function shown({ path, value, secret }: Setting): string {
  if (secret || path.some((name) => SECRET.test(name))) return '***';
  const text = withoutUrlPassword(JSON.stringify(value, bigintAsText));
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** A message may quote the value that it complains about. */
export function withoutSecret(message: string, setting: Setting | undefined): string {
  const value = typeof setting?.value === 'string' ? setting.value : undefined;
  if (setting === undefined || value === undefined || value === '' || shown(setting) !== '***')
    return withoutUrlPassword(message);
  return message.replaceAll(value, '***');
}

function withoutUrlPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s]*@/gi, '$1***@');
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
