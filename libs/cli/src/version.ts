import { readFileSync } from 'node:fs';

/** Returns the version of this package; all packages of the kit have the same. It is published with `convergekit`. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
