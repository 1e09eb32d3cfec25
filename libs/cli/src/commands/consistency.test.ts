/** Tests over all commands, which are values: how they are called, and how they refuse a wrong call. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allCommands, parseOnly } from '../fixture/all-commands.ts';
import type { Flag } from '../frame/flags.ts';
import { explain } from '../frame/explain.ts';

const commands = [...(await allCommands())];
const root = new URL('../', import.meta.url).pathname;
const read = (file: string): string => readFileSync(`${root}${file}`, 'utf8');
const sources = globSync('{commands,doctor,history}/**/*.ts', { cwd: root }).filter(
  (file) => !file.endsWith('.test.ts'),
);

/** The exit code of a command line that is refused before the command runs; 0: it is accepted. */
const exitOf = (argv: readonly string[]): Promise<number> =>
  parseOnly(argv).then(
    () => 0,
    (error: unknown) => explain(error).exitCode,
  );

/** A value that the flag accepts. */
function sampleOf({ choices, parse }: Flag<unknown>): string {
  if (choices?.[0] !== undefined) return choices[0];
  const accepted = ['1', '{}', 'x', '1d', 'a=b'].find((text) => {
    try {
      parse?.(text, undefined);
      return true;
    } catch {
      return false;
    }
  });
  return accepted ?? 'x';
}

/** The shortest command line that is accepted. */
function shortest(name: string, leaveOut?: string): readonly string[] {
  const { args = {}, flags = {} } = commands.find(([known]) => known === name)?.[1] ?? {};
  const needs = (among: Readonly<Record<string, Flag<unknown>>>) =>
    Object.entries(among).filter(([flag, { required }]) => required === true && flag !== leaveOut);
  return [
    ...name.split(' '),
    ...needs(args).map(([, flag]) => sampleOf(flag)),
    ...needs(flags).flatMap(([flag, value]) => [
      `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      sampleOf(value),
    ]),
  ];
}

describe('all commands', () => {
  // Planted fault: a command that throws anything but a UsageError for its arguments fails here.
  it.each(commands.map(([name]) => name))(
    '`converge %s` refuses a wrong command line with exit code 2',
    async (name) => {
      expect(await exitOf(shortest(name))).toBe(0);
      expect(await exitOf([...shortest(name), '--no-such-option'])).toBe(2);
      const { args = {}, flags = {} } = commands.find(([known]) => known === name)?.[1] ?? {};
      for (const [needed, { required }] of [...Object.entries(args), ...Object.entries(flags)])
        if (required === true) expect(await exitOf(shortest(name, needed)), `without ${needed}`).toBe(2);
      if (!Object.values(args).some(({ many }) => many === true)) {
        const surplus = Object.keys(args).map(() => 'x');
        expect(await exitOf([...shortest(name), ...surplus, 'x']), 'a surplus argument').toBe(2);
      }
    },
  );

  it.each(commands)(
    '`converge %s` describes itself in one style: no capital, no full stop',
    (_, { summary, args, flags }) => {
      const texts = [summary, ...[...Object.values(args), ...Object.values(flags)].map(({ help }) => help)];
      for (const text of texts) {
        expect(text, text).not.toMatch(/\.$/);
        expect(text, text).toMatch(/^[a-z`"“]|^YAML|^JSON/);
      }
    },
  );

  it('tables have one style of headings: only the frame makes them', () => {
    // Journals of one event or saga are lines of time, without headings; findings have marks.
    const lists = [
      'doctor/findings.ts',
      'history/render-history.ts',
      'commands/saga/narrative/render-narrative.ts',
    ];
    const own = sources.filter((file) => /\btable\(/.test(read(file)));
    expect(own.toSorted()).toEqual(lists.toSorted());
  });

  it('JSON is printed with --json alone: no command formats a document itself', () => {
    expect(
      sources.filter((file) => /JSON\.stringify\([^)]*, (?:null|undefined), \d/.test(read(file))),
    ).toEqual([]);
  });
});
