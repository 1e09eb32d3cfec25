import { PassThrough } from 'node:stream';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { command, type Noun } from './command.ts';
import { UsageError } from '../../../operate/src/host/errors.ts';
import {
  anyArguments,
  argument,
  states,
  count,
  json,
  optionalArgument,
  reason,
  text,
  toggle,
} from './flags.ts';
import { type Call, parse } from './program.ts';

const list = command({
  name: 'list',
  aliases: ['ls'],
  summary: 'lists jars',
  args: { shelf: optionalArgument('a shelf') },
  flags: {
    state: states(['full', 'empty'], 'only these', ['full']),
    limit: count('jars', 'at most so many', 50),
    lid: text('colour', 'of the lid', { conflicts: ['open'] }),
    open: toggle('only without a lid'),
  },
  run: () => Promise.resolve(undefined),
});
const fill = command({
  name: 'fill',
  summary: 'fills jars',
  args: { first: argument('a jar'), more: anyArguments('more jars') },
  flags: { reason: reason('why'), withData: json('what') },
  run: () => Promise.resolve(undefined),
});
const nouns: readonly Noun[] = [
  { name: 'jars', summary: 'jars', load: () => Promise.resolve([list, fill]) },
  { name: 'lids', summary: 'lids', load: () => Promise.reject(new Error('loaded although not called')) },
];

async function parsed(...argv: readonly string[]) {
  let call: Call | undefined;
  const written = { out: '' };
  const stream = new PassThrough().on('data', (chunk: Buffer) => (written.out += chunk.toString()));
  await parse(argv, nouns, { stdout: stream, stderr: stream }, (one) => {
    call = one;
    return Promise.resolve();
  }).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
  });
  return { call, out: written.out };
}

describe('a command line', () => {
  it('a command line without flags gives switches as false, defaults, and nothing for the rest', async () => {
    const { call } = await parsed('jars', 'list');
    expect(call).toMatchObject({ name: 'jars list', json: false, quiet: false, config: undefined });
    expect(call?.input).toMatchObject({ state: ['full'], limit: 50, open: false });
    expect(call?.input['shelf']).toBeUndefined();
  });

  it('a command line gives flags and arguments by name, in the types of their declarations', async () => {
    const { call } = await parsed(
      '--config',
      'jars',
      'jars',
      'list',
      'top',
      '--limit',
      '7',
      '--open',
      '--json',
    );
    expect(call).toMatchObject({ json: true, config: 'jars', input: { shelf: 'top', limit: 7, open: true } });
    const { input } =
      (await parsed('jars', 'fill', 'a', 'b', '--reason', 'r', '--with-data', '{}')).call ?? {};
    expect(input).toMatchObject({ first: 'a', more: ['b'], reason: 'r', withData: '{}' });
  });

  it('a command line accepts --json also before the command', async () => {
    expect((await parsed('--json', 'jars', 'list')).call?.json).toBe(true);
    expect((await parsed('jars', '--json', 'list')).call?.json).toBe(true);
  });

  // Planted fault: where an unknown name is not refused, commander prints the help of the level above instead.
  it.each([
    [['jrs', 'list'], 'there is no command `converge jrs`. Did you mean `converge jars`?'],
    [['jrs', '--help'], 'Did you mean `converge jars`?'],
    [['jars', 'lst', '--help'], 'Did you mean `converge jars list`? `converge jars --help` shows all'],
    [['help', 'jars', 'fil'], 'Did you mean `converge jars fill`?'],
    [['entirely-else'], 'there is no command `converge entirely-else`. `converge --help` shows all'],
    [['jars', 'list', '--limit', '0'], 'It must be a whole number from 1; see `converge jars list --help`'],
    [['jars', 'list', '--lmit', '1'], 'Did you mean --limit?'],
    [['jars', 'list', '--state', 'half'], 'Allowed choices are full, empty; see `converge'],
    [['jars', 'list', '--lid', 'red', '--open'], 'cannot be used with option'],
    [
      ['jars', 'fill', 'a'],
      "required option '--reason <text>' not specified; see `converge jars fill --help`",
    ],
    [['jars', 'fill', 'a', '--reason', ' '], 'It must say why'],
    [['jars', 'fill', 'a', '--reason', 'r'.repeat(501)], 'It must have at most 500 characters'],
    [['jars', 'fill', 'a', '--reason', 'r', '--with-data', '{'], 'It must be JSON'],
  ])('a command line of %j is refused with the next step', async (argv, message) => {
    const error = await parsed(...argv).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(message);
  });

  it('the help of a command shows units and defaults, and loads only the noun that is called', async () => {
    const { out } = await parsed('jars', 'list', '--help');
    expect(out).toMatch(/--limit <jars> +at most so many \(default: 50\)/);
    expect(out).toMatch(/--state <state\.\.\.> +only these .*default: full/);
    expect((await parsed('--help')).out).toContain('CONVERGE__RELAY__RETAIN_MS');
    await expect(parsed('lids')).rejects.toThrow('loaded although not called');
  });
});
