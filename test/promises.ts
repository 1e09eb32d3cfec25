import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestRunEndReason, Vitest } from 'vitest/node';
import { onlyVerify } from './only-verify.ts';
import { type PromiseRow, promiseFaults, promiseRows } from './promise-ids.ts';
import { isInstalled } from './tools.ts';

const PAGES = ['docs/guarantees.md', 'docs/requirements.md'];

/** The rows of both pages. */
export const allPromiseRows = (): readonly PromiseRow[] =>
  PAGES.flatMap((page) => promiseRows(page, readFileSync(new URL(`../${page}`, import.meta.url), 'utf8')));

/** Options of the command line with which a run leaves tests out. */
const NARROWING = [
  'project',
  'testNamePattern',
  'shard',
  'changed',
  'related',
  'lastFailed',
  'exclude',
  'dir',
  'tagsFilter',
  'bail',
] as const;

const isWhole = ({ filenamePattern, config }: WholeRun): boolean =>
  filenamePattern === undefined &&
  !config.watch &&
  NARROWING.every((name) => config.cliOptions[name] === undefined);

/** `filenamePattern` is not in vitest's types. */
type WholeRun = Pick<Vitest, 'config'> & { readonly filenamePattern?: readonly string[] };

function titlesOf(test: TestCase): readonly string[] {
  const titles = [test.name];
  for (let at = test.parent; at.type === 'suite'; at = at.parent) titles.unshift(at.name);
  return titles;
}

/** Fails a whole run in which a promise of the pages was not shown. */
export class PromiseReporter implements Reporter {
  #vitest: WholeRun | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: TestRunEndReason): void {
    if (this.#vitest === undefined || reason === 'interrupted' || !isWhole(this.#vitest)) return;
    const tests = modules
      .flatMap((module) => [...module.children.allTests()])
      .map((test) => ({ titles: titlesOf(test), passed: test.result().state === 'passed' }));
    const faults = promiseFaults({ rows: allPromiseRows(), tests, onlyVerify, isInstalled });
    if (faults.length === 0) return;
    process.stderr.write(`\n${faults.map((fault) => `promise not kept: ${fault}\n`).join('')}`);
    process.exitCode = 1;
  }
}
