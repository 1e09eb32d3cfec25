/** Tests that commands in documentation, errors and alarms exist, with the named options. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allCommands, parseOnly } from '../fixture/all-commands.ts';
import type { Command } from '../frame/command.ts';
import { nouns } from './index.ts';

/** Stands for a name or an id. */
const ANY = '01980000-0000-7000-8000-000000000000';

const root = new URL('../../../../', import.meta.url).pathname;
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const commands = await allCommands();
const names = [...commands.keys()];
const groups = new Set(
  names.flatMap((name) => name.split(' ').map((_, at, all) => all.slice(0, at).join(' '))),
);

const pages = globSync(['docs/**/*.md', '*.md', '{libs,services,schemas,verification,infra}/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules/**', 'docs/decisions/**', 'docs/benchmarks/**'],
});
const sources = globSync(
  [
    '{libs,services}/*/src/**/*.ts',
    '{libs,services}/*/sql/**/*.sql',
    'infra/**/*.{yaml,yml,ts}',
    'docker-compose.yml',
  ],
  { cwd: root, exclude: ['**/node_modules/**', '**/*.test.ts', '**/fixture/**'] },
);

/** Splits a command line into words, up to a comment, a pipe or the end of the sentence. A placeholder becomes `ANY`. */
function wordsOf(line: string): readonly string[] {
  const text = line
    .replace(/\$\{[^}]*\}/g, ANY)
    .replace(/<[^>]*>/g, ANY)
    .replace(/\[|\]/g, '');
  const words: string[] = [];
  for (const [word] of text.matchAll(/"[^"]*"|'[^']*'|\S+/g)) {
    if (/^(#.*|\||&&|>|→)$/.test(word)) break;
    words.push(word.replace(/^["']|["',.:;)]+$/g, ''));
    if (/[;)]$/.test(word)) break;
  }
  return words;
}

/** Returns the command that a line begins with, by its name or an alias. */
const commandOf = (words: readonly string[]): Command | undefined =>
  [3, 2, 1].map((count) => commands.get(words.slice(0, count).join(' '))).find((one) => one !== undefined);

/** Returns the fault of a mention, or undefined. A name may stand for several: `saga retry|resolve`. */
function faultOf(line: string): string | undefined {
  const words = wordsOf(line);
  // An option of the program itself, or no name at all: `converge … | head`.
  if (!/^[a-z]{2}/.test(words[0] ?? '')) return undefined;
  const [noun = '', verb, third] = words;
  for (const one of verb?.split('|') ?? ['']) {
    const path = [noun, one, third ?? ''].map((_, at, all) =>
      all
        .slice(0, at + 1)
        .join(' ')
        .trim(),
    );
    const name = path.findLast((known) => commands.has(known));
    if (name === undefined) {
      if (groups.has(path[0] ?? '') && (one === '' || one.startsWith('-') || !/^[a-z]/.test(one))) continue;
      return `there is no command: converge ${line}`;
    }
    const flags = Object.keys(commands.get(name)?.flags ?? {}).map(
      (flag) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    );
    const known = [...flags, '--json', '--quiet', '--help', '--config'];
    const wrong = words
      .filter((word) => word.startsWith('--') && word.length > 2)
      .map((word) => word.split('=')[0] ?? '');
    for (const flag of wrong)
      if (!known.includes(flag)) return `converge ${name} has no ${flag}: converge ${line}`;
  }
  return undefined;
}

/** `converge …` in backticks, also where a template literal escapes them. */
const quoted = (text: string): readonly string[] =>
  [...text.matchAll(/`converge ([^`\\]+)\\?`/g)].map(([, line = '']) => line);

/** Matches `converge <noun> …` anywhere else in a text: in the next step of an alarm, in a comment. */
const noun = nouns.map(({ name }) => name).join('|');
const plain = (text: string): readonly string[] =>
  [
    ...text.matchAll(
      new RegExp(`(?:run|see|with|step:|next:|: |→|'|\\\\$) ?converge ((?:${noun}) [^'"\`\\n]+)`, 'g'),
    ),
  ].map(([, line = '']) => line);

/** `<noun> <verb>` without `converge`, as the help of one command names another. */
const shortened = (text: string): readonly string[] =>
  [...text.matchAll(new RegExp(`\`((?:${noun}) [a-z]+[^\`\\\\]*)\``, 'g'))].map(([, line = '']) => line);

/** Lines of code blocks that begin with the command. */
function typed(text: string): readonly string[] {
  const found: string[] = [];
  let inBlock = false;
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    if (/^\s*```/.test(line)) inBlock = !inBlock;
    const [, command] = /^\s*(?:\$ )?(?:npx )?converge (.+)$/.exec(line) ?? [];
    if (inBlock && command !== undefined) found.push(command);
  }
  return found;
}

describe('a command that the kit names', () => {
  // Planted fault: `converge stack list` in a README is named here.
  it.each(pages)('each command that %s names exists, with its options', (path) => {
    const text = read(path);
    const faults = [...quoted(text), ...typed(text)].map(faultOf).filter((fault) => fault !== undefined);
    expect(faults).toEqual([]);
  });

  it('each command in an error, an alarm, a comment or a compose file exists, with its options', () => {
    const found = sources.flatMap((path) => {
      const text = read(path);
      const short = path.startsWith('libs/cli/') ? shortened(text) : [];
      return [...quoted(text), ...plain(text), ...short].map((line) => [path, faultOf(line)] as const);
    });
    expect(found.length).toBeGreaterThan(40);
    expect(found.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });

  // Seen to fail without: `parked groups --consumer` in three alerts, which had `parked groups <consumer>`.
  it('the next command of each alarm, alert and finding is accepted by the command line as it is printed', async () => {
    const alerts = globSync('infra/prometheus/*.rules.yaml', { cwd: root }).flatMap((path) =>
      [...read(path).matchAll(/converge ((?:[^;:,'\n]|\{\{[^}]*\}\})*\{\{[^}]*\}\}[^;:,'\n]*)/g)].map(
        ([, line = '']) => line.replaceAll(/\{\{[^}]*\}\}/g, ANY),
      ),
    );
    const findings = sources.flatMap((path) =>
      [...read(path).matchAll(/next: `converge ([^`]+)`/g)].map(([, line = '']) => line),
    );
    const tables = quoted(read('docs/guides/alarms.md')).filter((line) => /<|--/.test(line));
    expect([alerts, findings, tables].map(({ length }) => length > 5)).toEqual([true, true, true]);
    for (const line of [...alerts, ...findings, ...tables]) {
      const words = wordsOf(
        line
          .replace('--state ${state}', line.startsWith('saga') ? '--state stuck' : '--state dead')
          .replace('--repairs n', '--repairs 1')
          .replace('--reject <offset>', '--reject 7'),
      ).map((word) => word.replaceAll('…', ANY));
      await expect(parseOnly(words), line).resolves.toBeDefined();
      // An alias is for what operators have learnt.
      expect(words, line).toContain(commandOf(words)?.name);
    }
  });

  it.each(pages.filter((path) => typed(read(path)).length > 0))(
    'each command in a code block of %s can be typed as it is',
    async (path) => {
      for (const line of typed(read(path))) {
        const words = wordsOf(line).map((word) => (word === 'N' ? '1' : word));
        if (/[…|[]/.test(line)) continue;
        await expect(parseOnly(words), line).resolves.toBeDefined();
      }
    },
  );
});
