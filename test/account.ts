import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

const FILE = '.converge/test-account.md';

/** A vitest reporter that writes what each test file cost: wall time, and CPU with the processes that it started. */
export class Account implements Reporter {
  #root = '';
  #began = 0;

  onInit({ config }: Vitest): void {
    this.#root = config.root;
    this.#began = performance.now();
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.map((module) => costOf(module, this.#root)).toSorted((a, b) => b.cpu - a.cpu);
    const total = { wall: (performance.now() - this.#began) / 1_000, cpu: sum(rows.map(({ cpu }) => cpu)) };
    const path = `${this.#root}/${FILE}`;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, accountText(rows, total));
    if (rows.length > 1)
      process.stdout.write(
        `\n${FILE}: ${rows.length} files, ${total.cpu.toFixed(0)} s of CPU in tests and their processes\n`,
      );
  }
}

interface Cost {
  readonly file: string;
  readonly tests: number;
  readonly wall: number;
  readonly own: number;
  readonly children: number;
  readonly cpu: number;
}

function costOf(module: TestModule, root: string): Cost {
  const { own = 0, children = 0 } = module.meta().cpu ?? {};
  const { duration, collectDuration } = module.diagnostic();
  return {
    file: relative(root, module.moduleId),
    tests: [...module.children.allTests()].length,
    wall: (duration + collectDuration) / 1_000,
    own,
    children,
    cpu: own + children,
  };
}

/** Formats the account: the dearest file first. Seconds. */
export function accountText(
  rows: readonly Cost[],
  total: { readonly wall: number; readonly cpu: number },
): string {
  const table = rows.map(
    ({ file, tests, wall, own, children, cpu }) =>
      `| ${[cpu, own, children, wall].map((seconds) => seconds.toFixed(1)).join(' | ')} | ${tests} | ${file} |`,
  );
  return [
    `# What ${rows.length} test files cost: ${total.wall.toFixed(0)} s of wall time, ${total.cpu.toFixed(0)} s of CPU`,
    '',
    'Seconds. The servers that all tests share are not in it.',
    '',
    '| CPU | worker | ended processes | wall | tests | file |',
    '| --- | --- | --- | --- | --- | --- |',
    ...table,
    '',
  ].join('\n');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
