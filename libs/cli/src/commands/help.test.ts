import { expect, it } from 'vitest';
import { allCommands, parseOnly } from '../fixture/all-commands.ts';

const commands = await allCommands();

it('every noun can be loaded, and its commands are found', () => {
  expect(commands.size).toBeGreaterThan(45);
});

// Planted fault: a flag without help is named here.
it.each([...commands])('converge %s describes itself, its arguments and its options', (_name, command) => {
  expect(command.summary.length).toBeGreaterThan(10);
  for (const [name, flag] of Object.entries({ ...command.args, ...command.flags }))
    expect([name, flag.help.length > 3], 'help').toEqual([name, true]);
  for (const [name, { value, initial }] of Object.entries(command.flags)) {
    expect([name, value], 'a unit or what the value is').not.toEqual([name, 'n']);
    if (typeof initial === 'number') expect([name, value?.length], 'unit').not.toEqual([name, undefined]);
  }
});

it.each([...commands])(
  'converge %s --help shows every option with its default, and --json',
  async (name, command) => {
    const { help } = await parseOnly([...name.split(' '), '--help']);
    const text = help.replace(/\s+/g, ' ');
    for (const option of ['--json', '--quiet', '--help']) expect(text).toContain(option);
    for (const [flag, { help: described, initial, value }] of Object.entries(command.flags)) {
      const option = `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      expect(text).toContain(value === undefined ? option : `${option} <${value}`);
      expect(text).toContain(described.replace(/\s+/g, ' '));
      const shown = Array.isArray(initial) ? initial.join(', ') : initial;
      if (typeof shown === 'number' || typeof shown === 'string')
        expect(text).toContain(shown === '' ? '' : `default: ${shown}`);
    }
    for (const argument of Object.values(command.args))
      expect(text).toContain(argument.help.replace(/\s+/g, ' '));
  },
);
