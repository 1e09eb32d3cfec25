import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { Children } from '../../../testing/src/fixture/children.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { shownWorkflow, workflowDatabase, type TenantDb } from '../fixture/workflow/scene.ts';

const program = fileURLToPath(new URL('../fixture/workflow/process.ts', import.meta.url));

describe('a process that is killed in the middle of a workflow', () => {
  let database: Database<TenantDb>;
  let url: string;
  let folder: string;
  let runs = 0;
  const children = new Children();

  beforeAll(async () => {
    ({ database, url } = await workflowDatabase(inject('stack').databaseUrl));
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workflow-'));
    runs += 1;
  });
  afterEach(async () => {
    await children.kill();
    rmSync(folder, { recursive: true });
  });
  afterAll(() => database.close());

  const start = (more: Record<string, string>): ChildProcess =>
    children.start(program, { DATABASE_URL: url, FOLDER: folder, ...more });
  const files = (): string[] => readdirSync(folder).filter((name) => name !== 'log');
  const log = (): string[] =>
    existsSync(`${folder}/log`) ? readFileSync(`${folder}/log`, 'utf8').trim().split('\n') : [];

  // Planted fault: the first step that is undone first (`find` in `nextMove`) fails here wherever something is undone.
  it.each([
    ['workflow.after_intent@3', 'undo', []],
    ['saga.after_call@3', 'undo', []],
    ['workflow.after_undone@1', 'undo', []],
    ['saga.after_call@2', 'resume', ['one', 'two', 'three']],
  ] as const)(
    'S26, G6j: a workflow killed at %s ends in another process (%s)',
    async (failpoint, RECOVERY, kept) => {
      const id = `f${runs}`;
      const FAILS = RECOVERY === 'undo' ? '1' : '0';
      const killed = start({ RUN: id, FAILS, RECOVERY, CONVERGE_FAILPOINT: failpoint });
      expect((await once(killed, 'exit'))[1]).toBe('SIGKILL');
      // The journal has the plan before any of it is run.
      const { plan } = await shownWorkflow(url, 'folders.set-up', id);
      const undone = failpoint.startsWith('workflow.after_undone') ? 'done' : undefined;
      const paths = ['file#3', 'file#2', 'file'].slice(failpoint.endsWith('@2') ? 1 : 0);
      expect(plan.map((line) => line.split(' ')[0])).toEqual(paths);
      expect(plan.filter((line) => line.endsWith(' done'))).toHaveLength(undone === undefined ? 0 : 1);
      const other = start({ WORK: '1', RECOVERY });
      const state = async () => (await shownWorkflow(url, 'folders.set-up', id)).state;
      await waitUntil(async () => ['completed', 'compensated'].includes(await state()), {
        what: 'the other process to end it',
        everyMs: 100,
      });
      other.kill('SIGTERM');
      expect((await once(other, 'exit'))[0]).toBe(0);
      expect(files()).toHaveLength(kept.length);
      const made = log().filter((line) => line.startsWith('+'));
      expect(log()).toEqual(
        kept.length > 0
          ? kept.map((name) => `+${name}`)
          : [...made, ...made.map((line) => line.replace('+', '-')).toReversed()],
      );
      expect(await shownWorkflow(url, 'folders.set-up', id)).toMatchObject({
        findings: [],
        state: kept.length > 0 ? 'completed' : 'compensated',
      });
    },
  );
});
