import { readFileSync } from 'node:fs';
import { ownFile } from '../own-files.ts';

/** Returns the version of this package; all packages of the kit have the same. */
export function version(): string {
  const text = readFileSync(ownFile('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
