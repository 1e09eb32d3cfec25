import { spawnSync } from 'node:child_process';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A program that some tests bring in. Tests that need it have its name as a tag. */
interface Tool {
  readonly name: string;
  /** Prints its version where it is installed. */
  readonly probe: readonly string[];
  readonly install: string;
}

/** The programs that tests of `make test` need; those of a part of `make verify` are in its table. */
const tools: readonly Tool[] = [
  { name: 'pgbouncer', probe: ['--version'], install: 'apt-get install pgbouncer' },
  { name: 'kcat', probe: ['-V'], install: 'apt-get install kcat' },
  { name: 'promtool', probe: ['--version'], install: 'apt-get install prometheus' },
  { name: 'faketime', probe: ['--version'], install: 'apt-get install faketime' },
  { name: 'java', probe: ['-version'], install: 'apt-get install openjdk-17-jre-headless' },
];

const missing = tools.filter(({ name, probe }) => spawnSync(name, probe).status !== 0);

export const isInstalled = (tool: string): boolean => !missing.some(({ name }) => name === tool);

/** The tags of vitest's configuration: a test whose tool is missing is skipped. */
export const toolTags = tools.map((tool) => ({
  name: tool.name,
  description: `needs ${tool.name} (${tool.install})`,
  skip: missing.includes(tool),
}));

/** A vitest reporter that says at the end which tools were missing, what each cost, and what else was skipped. */
export class MissingTools implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
    for (const line of skippedText(skipped, missing)) process.stdout.write(`${line}\n`);
  }
}

type Skipped = Pick<TestCase, 'fullName' | 'tags' | 'result'>;

/** Formats the skipped tests: a line for each missing tool with the tests that it cost, then every other one by name. */
export function skippedText(tests: readonly Skipped[], absent: readonly Tool[]): readonly string[] {
  const of = (tool: Tool): number => tests.filter(({ tags }) => tags.includes(tool.name)).length;
  const others = tests.filter(({ tags }) => !absent.some(({ name }) => tags.includes(name)));
  return [
    ...absent
      .filter((tool) => of(tool) > 0)
      .map((tool) => `not run for lack of ${tool.name}: ${of(tool)} tests (${tool.install})`),
    ...others.map((test) => `skipped: ${test.fullName}${noteOf(test.result())}`),
  ];
}

function noteOf(result: ReturnType<TestCase['result']>): string {
  return result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : '';
}
