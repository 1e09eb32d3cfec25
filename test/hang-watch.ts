import { spawnSync } from 'node:child_process';
import type { ReportedHookContext, Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** What a worker may need after a time limit has passed, to report it. */
const GRACE_MS = 30_000;
const LOOK_EVERY_MS = 1_000;

/**
 * A vitest reporter that ends a run which hangs, and names the test. A worker whose event loop is blocked cannot keep
 * its own time limits, and vitest would wait for it without end.
 */
export class HangWatch implements Reporter {
  /** What each test file that runs is at, and until when it must have reported something else. */
  readonly #running = new Map<string, { readonly what: string; readonly until: number }>();
  #limitMs = 0;

  onInit({ projects }: Vitest): void {
    this.#limitMs = Math.max(...projects.flatMap(({ config: c }) => [c.testTimeout, c.hookTimeout]));
    setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  onTestModuleQueued(module: TestModule): void {
    this.#at(module, 'being loaded');
  }

  onTestModuleStart(module: TestModule): void {
    this.#at(module, 'before its first test');
  }

  onHookStart({ entity, name }: ReportedHookContext): void {
    const module = entity.type === 'module' ? entity : entity.module;
    this.#at(module, `${name} of ${entity.type === 'module' ? 'the file' : entity.fullName}`);
  }

  onTestCaseReady({ module, fullName, options }: TestCase): void {
    this.#at(module, fullName, options.timeout);
  }

  onTestCaseResult({ module, fullName }: TestCase): void {
    this.#at(module, `after ${fullName}`);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.id);
  }

  #at({ id, moduleId }: TestModule, what: string, limitMs = this.#limitMs): void {
    this.#running.set(id, {
      what: `${moduleId}: ${what}`,
      until: performance.now() + Math.max(limitMs, this.#limitMs) + GRACE_MS,
    });
  }

  #look(): void {
    const now = performance.now();
    const hanging = [...this.#running.values()].filter(({ until }) => until < now);
    if (hanging.length === 0) return;
    for (const { what } of hanging) process.stderr.write(`hangs past its time limit: ${what}\n`);
    process.stderr.write('the run is ended; the next one removes what its servers left\n');
    // A blocked worker does not notice that its parent has ended.
    spawnSync('pkill', ['-KILL', '-P', String(process.pid)]);
    process.exit(1);
  }
}
