import type { Packed } from '../../infra/packages/stage.ts';
import { plain, run, type Tools } from './tools.ts';

/** Checks a packed package with publint and attw. Resolves with what they found. */
export async function lintPackage(
  { name, folder, tarball }: Packed,
  { publint, attw, node }: Tools,
): Promise<readonly string[]> {
  const options = { env: plain({ NO_COLOR: '1' }), cwd: folder, maxBuffer: 16 * 1024 * 1024 };
  const found: string[] = [];
  const note = (tool: string) => (error: unknown) => {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    found.push(`${tool}: ${name}\n${stdout}${stderr}`);
  };
  await run(node['24'], [publint, 'run', '--strict', '--pack', 'false', folder], options).catch(
    note('publint'),
  );
  // The packages are ES modules; CommonJS reads them by require(esm), which every supported Node has.
  await run(node['24'], [attw, '--profile', 'esm-only', '--format', 'ascii', tarball], options).catch(
    note('attw'),
  );
  return found;
}
