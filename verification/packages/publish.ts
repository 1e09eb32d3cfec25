import type { Packed } from '../../infra/packages/stage.ts';
import { plain, run } from './tools.ts';

/** Publishes each package without the registry's part. Rejects with what npm corrects in a package.json, or warns of. */
export async function publishDry(packed: readonly Packed[]): Promise<void> {
  const found: string[] = [];
  for (const { name, folder } of packed) {
    const { stderr } = await run('npm', ['publish', '--dry-run', '--ignore-scripts', '--json'], {
      cwd: folder,
      env: plain({ npm_config_loglevel: 'warn' }),
    });
    found.push(...warnings(stderr).map((line) => `${name}: ${line}`));
  }
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** The warnings of npm about what is published: not those that it publishes to no registry, or without a login (pure). */
function warnings(stderr: string): readonly string[] {
  const expected = /This command requires you to be logged in|Unknown (env|user) config/;
  return stderr.split('\n').filter((line) => line.startsWith('npm warn') && !expected.test(line));
}
