/** Tests over all commands, which are values: how they are called, and how they refuse a wrong call. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allCommands, parseOnly } from '../fixture/all-commands.ts';
import type { Flag } from '../frame/flags.ts';
import { explain } from '../../../operate/src/host/explain.ts';

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

/** The option of a flag: `--dry-run`. */
const optionOf = (flag: string): string =>
  `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A value that the flag accepts. */
function sampleOf({ choices, parse }: Flag<unknown>): string {
  if (choices?.[0] !== undefined) return choices[0];
  const accepted = ['1', '{}', 'x', '1d', 'a=b', '01980000-0000-7000-8000-000000000000'].find((text) => {
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
    ...needs(flags).flatMap(([flag, value]) => [optionOf(flag), sampleOf(value)]),
  ];
}

describe('all commands', () => {
  it('every noun can be loaded, and its commands are found', () => {
    expect(commands.length).toBeGreaterThan(45);
  });

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

  // Planted fault: a flag without help is named here.
  it.each(commands)(
    '`converge %s` describes itself, its arguments and its options in one style: no capital, no full stop',
    (_, { summary, args, flags }) => {
      const texts = [summary, ...[...Object.values(args), ...Object.values(flags)].map(({ help }) => help)];
      for (const text of texts) {
        expect(text, text).not.toMatch(/\.$/);
        expect(text, text).toMatch(/^(?:[a-z`"“]|YAML|JSON).{3}/);
      }
      for (const [name, { value, initial }] of Object.entries(flags)) {
        expect([name, value], 'a unit or what the value is').not.toEqual([name, 'n']);
        if (typeof initial === 'number') expect([name, value?.length], 'unit').not.toEqual([name, undefined]);
      }
    },
  );

  it.each(commands)(
    '`converge %s --help` shows every option with its default, and --json',
    async (name, { args, flags }) => {
      const { help } = await parseOnly([...name.split(' '), '--help']);
      const text = help.replace(/\s+/g, ' ');
      for (const option of ['--json', '--quiet', '--help']) expect(text).toContain(option);
      for (const [flag, { help: described, initial, value }] of Object.entries(flags)) {
        const option = optionOf(flag);
        expect(text).toContain(value === undefined ? option : `${option} <${value}`);
        expect(text).toContain(described.replace(/\s+/g, ' '));
        const shown = Array.isArray(initial) ? initial.join(', ') : initial;
        if (typeof shown === 'number' || typeof shown === 'string')
          expect(text).toContain(shown === '' ? '' : `default: ${shown}`);
      }
      for (const argument of Object.values(args)) expect(text).toContain(argument.help.replace(/\s+/g, ' '));
    },
  );

  it('tables have one style of headings: only the frame makes them', () => {
    // Journals of one event or saga are lines of time, without headings; findings have marks.
    const lists = ['commands/doctor/findings.ts'];
    const own = sources.filter((file) => /\btable\(/.test(read(file)));
    expect(own.toSorted()).toEqual(lists.toSorted());
  });

  it('JSON is printed with --json alone: no command formats a document itself', () => {
    expect(
      sources.filter((file) => /JSON\.stringify\([^)]*, (?:null|undefined), \d/.test(read(file))),
    ).toEqual([]);
  });
});
