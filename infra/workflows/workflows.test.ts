import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parts } from '../../verification/verify/parts.ts';
import { root } from '../packages/workspaces.ts';

const step = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.looseObject({}).optional(),
});
const job = z.looseObject({
  permissions: z.record(z.string(), z.string()).optional(),
  'timeout-minutes': z.number(),
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  strategy: z.object({ matrix: z.record(z.string(), z.array(z.string())) }).optional(),
  steps: z.array(step),
});
const workflow = z.looseObject({ permissions: z.unknown(), jobs: z.record(z.string(), job) });

const files = globSync('.github/workflows/*.yml', { cwd: root });
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const jobsOf = (file: string): Readonly<Record<string, z.infer<typeof job>>> =>
  workflow.parse(parse(read(file))).jobs;

it('every action of a workflow is pinned to a commit, with its version beside it', () => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files)
    for (const [line] of read(file).matchAll(/^.*\buses:.*$/gm))
      expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

it('a workflow has no rights of its own, each job names what it needs, and ends by itself', () => {
  for (const file of files) {
    expect(workflow.parse(parse(read(file))).permissions).toEqual({});
    for (const one of Object.values(jobsOf(file))) expect(one.permissions).toBeDefined();
  }
});

it('a job that may speak for the repository runs no code of the repository or of a dependency', () => {
  for (const file of files)
    for (const [name, { permissions = {}, steps }] of Object.entries(jobsOf(file))) {
      if (!Object.values(permissions).includes('write')) continue;
      const all = steps.map(({ uses = '', run = '' }) => `${uses}\n${run}`).join('\n');
      expect(all, name).not.toMatch(/checkout|make |npm (ci|install)|\.ci\/run|node /);
      if (all.includes('npm publish')) expect(all).toMatch(/npm publish .*--provenance.*--ignore-scripts/);
    }
});

it('a package is published only when the suite and every part of `make verify` passed on its commit', () => {
  const { publish, verify } = jobsOf('.github/workflows/release.yml');
  expect(publish?.needs).toEqual(['test', 'verify', 'pack']);
  expect(verify?.strategy?.matrix['part']).toEqual(parts.map(({ name }) => name));
  expect(verify?.steps.at(-1)?.run).toBe('make verify ARGS="--part ${{ matrix.part }}"');
});

it('a change runs what CI runs, with the history by which its parts are chosen', () => {
  const { test } = jobsOf('.github/workflows/change.yml');
  expect(test?.steps.at(-1)?.run).toBe('.ci/run');
  expect(test?.steps[0]?.with).toMatchObject({ 'fetch-depth': 0 });
});

it('no workflow stores or reads a token of a registry', () => {
  for (const file of files) expect(read(file)).not.toMatch(/secrets\.|NPM_TOKEN|NODE_AUTH_TOKEN/);
});
