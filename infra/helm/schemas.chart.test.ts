/** Validates all rendered objects strictly. `make chart` installs the tools. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { cases, chart, example, helm, valuesOf } from './fixture/chart-scene.ts';
import { inNoHome, type Manifest, render, withDependency } from './fixture/render.ts';
import { toolOf } from './fixture/tools.ts';

const call = promisify(execFile);
const validate = toolOf('kubernetes-validate') ?? 'kubernetes-validate';
const operator = toolOf('operator-types') ?? 'operator-types';
const folder = mkdtempSync(join(tmpdir(), 'converge-objects-'));
/** One file for each object. */
const core: string[] = [];
const monitoring: string[] = [];

function write(from: string, objects: readonly Manifest[]): void {
  for (const one of objects) {
    const file = join(folder, `${from}-${one.kind}-${one.metadata.name}.yaml`);
    writeFileSync(file, stringify(one));
    (one.apiVersion.startsWith('monitoring.coreos.com/') ? monitoring : core).push(file);
  }
}

beforeAll(async () => {
  for (const name of cases) write(name, (await render(helm, chart, [valuesOf(name)])).objects);
  write('example', (await withDependency(example, chart, (copy) => render(helm, copy))).objects);
});
afterAll(() => rmSync(folder, { recursive: true }));

it('helm finds nothing in the charts', async () => {
  const lint = (path: string): Promise<string> =>
    inNoHome(async (env) => (await call(helm, ['lint', '--strict', '--quiet', path], { env })).stdout);
  expect(await lint(chart)).not.toMatch(/\[(ERROR|WARNING)\]/);
  expect(await withDependency(example, chart, lint)).not.toMatch(/\[(ERROR|WARNING)\]/);
});

it.each(['1.29', '1.37'])(
  'all objects fit the strict schemas of Kubernetes %s, and a misspelt field does not',
  async (version) => {
    const args = ['--strict', '--no-warn', '--quiet', '--kubernetes-version', version];
    expect(core.length).toBeGreaterThan(30);
    await call(validate, [...args, ...core]);
    const wrong = join(folder, 'misspelt.yaml');
    const spec = { maxUnavailable: 1, selektor: {} };
    writeFileSync(
      wrong,
      stringify({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'x' }, spec }),
    );
    await expect(call(validate, [...args, wrong])).rejects.toMatchObject({
      stdout: expect.stringContaining('selektor') as string,
    });
  },
);

it('the objects of the Prometheus operator fit its types, and a misspelt field does not', async () => {
  expect(monitoring.length).toBeGreaterThan(4);
  await call(operator, monitoring);
  const wrong = join(folder, 'wrong.yaml');
  const spec = { groups: [{ name: 'x', rules: [{ alert: 'X', expr: 'up', sumary: 'x' }] }] };
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'x' },
    spec,
  };
  writeFileSync(wrong, stringify(rule));
  await expect(call(operator, [wrong])).rejects.toThrow('sumary');
});
