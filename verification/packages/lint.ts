import type { Packed } from '../../infra/packages/stage.ts';
import { runIn } from '../programs.ts';
import type { Tools } from './tools.ts';

/** Checks a packed package with publint and attw. Resolves with what they found. */
export async function lintPackage(
  { name, folder, tarball }: Packed,
  { publint, attw, node }: Tools,
): Promise<readonly string[]> {
  const lint = (...args: readonly string[]) => runIn(folder, node['24'], args, { NO_COLOR: '1' });
  const found: string[] = [];
  const note = (tool: string) => (error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    found.push(`${tool}: ${name}\n${stdout}${stderr}`);
  };
  await lint(publint, 'run', '--strict', '--pack', 'false', folder).catch(note('publint'));
  // The packages are ES modules; CommonJS reads them by require(esm), which every supported Node has.
  await lint(attw, '--profile', 'esm-only', '--format', 'ascii', tarball).catch(note('attw'));
  return found;
}

/** Publishes each package without the registry's part. Rejects with what npm corrects in a package.json, or warns of. */
export async function publishDry(packed: readonly Packed[]): Promise<void> {
  const found: string[] = [];
  for (const { name, folder } of packed) {
    const publish = ['publish', '--dry-run', '--ignore-scripts', '--json'];
    const { stderr } = await runIn(folder, 'npm', publish, { npm_config_loglevel: 'warn' });
    found.push(...warnings(stderr).map((line) => `${name}: ${line}`));
  }
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** The warnings of npm about what is published: not those that it publishes to no registry, or without a login (pure). */
function warnings(stderr: string): readonly string[] {
  const expected = /This command requires you to be logged in|Unknown (env|user) config/;
  return stderr.split('\n').filter((line) => line.startsWith('npm warn') && !expected.test(line));
}
