import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { dashboards } from './source/boards/index.ts';
import { render } from './source/render.ts';

/** Writes (`write`) or checks (`check`) the dashboards in infra/grafana/dashboards. */
const folder = new URL('dashboards/', import.meta.url);

async function texts(): Promise<ReadonlyMap<string, string>> {
  const made = dashboards.map(async (dashboard): Promise<[string, string]> => {
    const text = await format(JSON.stringify(render(dashboard)), { parser: 'json', printWidth: 110 });
    return [`${dashboard.id}.json`, text];
  });
  return new Map(await Promise.all(made));
}

async function stale(expected: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const found = await readdir(folder).catch((): string[] => []);
  const lines: string[] = [];
  for (const name of new Set([...expected.keys(), ...found])) {
    const text = await readFile(new URL(name, folder), 'utf8').catch(() => undefined);
    if (text !== expected.get(name))
      lines.push(`infra/grafana/dashboards/${name} is not what its source says: run make dashboards`);
  }
  return lines;
}

const [command] = process.argv.slice(2);
const expected = await texts();
switch (command) {
  case 'write':
    await mkdir(folder, { recursive: true });
    for (const [name, text] of expected) await writeFile(new URL(name, folder), text);
    break;
  case 'check': {
    const lines = await stale(expected);
    for (const line of lines) process.stderr.write(`${line}\n`);
    process.exitCode = lines.length === 0 ? 0 : 1;
    break;
  }
  default:
    process.stderr.write('name a command: write | check\n');
    process.exitCode = 78;
}
