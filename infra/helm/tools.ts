import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where `infra/helm/tools.sh` installs, then the folders of the machine. */
const INSTALLED = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'converge/tools');
const FOLDERS = [
  join(INSTALLED, 'bin'),
  join(INSTALLED, 'python/bin'),
  ...(process.env['PATH'] ?? '').split(delimiter),
];

/** Returns the path of a tool; undefined where it is not installed. */
export function toolOf(
  name: 'helm' | 'kubernetes-validate' | 'operator-types' | 'actionlint',
): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
