/**
 * `make verify`: all parts, or `ARGS="--part packages --part chart"`, or `ARGS="--list"`. Writes the day and the time of
 * each part that passed into runs.json. `--ci 300` runs what a change needs instead, in 300 s, and writes nothing.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '@convergekit/core';
import { root } from '../../infra/packages/workspaces.ts';
import { choose, MOST_SECONDS, type Runs } from './choose.ts';
import { type Part, parts } from './parts.ts';

const TABLE = 'verification/verify/runs.json';
// A make inside of make would take the arguments of this one.
const OWN = { ...process.env, MAKEFLAGS: '', ARGS: '' };

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
    ci: { type: 'string' },
  },
});

const say = (line: string): void => void process.stdout.write(`verify: ${line}\n`);
const read = (): Runs => JSON.parse(readFileSync(join(root, TABLE), 'utf8')) as Runs;
const output = (command: string): string => {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout.trim();
};

if (values.list) list();
else {
  const chosen = values.ci === undefined ? named(values.part) : forChange(Number(values.ci));
  process.exitCode = run(chosen, { write: values.ci === undefined });
}

function list(): void {
  const runs = read();
  for (const { name, shows } of parts) {
    const { on = 'never', seconds } = runs[name] ?? {};
    say(`${name}: ${shows} (passed ${on}${seconds === undefined ? '' : `, ${seconds} s`})`);
  }
}

function named(names: readonly string[] | undefined): readonly Part[] {
  if (names === undefined) return parts;
  return names.map((name) => {
    const found = parts.find((part) => part.name === name);
    if (found === undefined)
      throw new Error(`there is no part "${name}": ${parts.map((part) => part.name).join(', ')}`);
    return found;
  });
}

/** The parts for what changed since the table of runs was last written, as many as fit into `seconds`. */
function forChange(seconds: number): readonly Part[] {
  const base = output(`git log -1 --format=%H -- ${TABLE}`);
  const affected = `NODE_OPTIONS= nx show projects --affected --base=${base} --json`;
  const changed = new Set(JSON.parse(output(affected)) as string[]);
  const there = parts.filter((part) => {
    const missing = missingFor(part);
    if (missing.length > 0) say(`${part.name} is not run: ${missing.join(' and ')} missing`);
    return missing.length === 0;
  });
  const { touched, oldest, left } = choose(there, { changed, runs: read(), seconds });
  for (const { name } of left) say(`${name} is not run: it does not fit into ${seconds} s`);
  return oldest === undefined ? touched : [oldest, ...touched];
}

function missingFor({ needs = {} }: Part): readonly string[] {
  return Object.entries(needs).flatMap(([name, probe]) =>
    spawnSync('bash', ['-c', probe], { stdio: 'ignore' }).status === 0 ? [] : [name],
  );
}

/** Runs parts one after the other. Returns the exit code: 1 when one failed, took too long, or could not be run. */
function run(chosen: readonly Part[], { write }: { readonly write: boolean }): number {
  const failed: string[] = [];
  for (const part of chosen) {
    const outcome = runPart(part);
    if (typeof outcome === 'string') failed.push(`${part.name}: ${outcome}`);
    else if (write) record(part, outcome);
  }
  for (const line of failed) say(`failed: ${line}`);
  say(`${chosen.length - failed.length} of ${chosen.length} parts passed`);
  return failed.length === 0 ? 0 : 1;
}

function runPart(part: Part): number | string {
  const missing = missingFor(part);
  if (missing.length > 0) return `${missing.join(' and ')} missing`;
  say(`${part.name}: ${part.shows}`);
  const began = systemClock.monotonic();
  for (const step of part.steps) {
    const { status } = spawnSync('bash', ['-c', step], { cwd: root, env: OWN, stdio: 'inherit' });
    if (status !== 0) return `\`${step}\` ended with ${status ?? 'a signal'}`;
  }
  const seconds = Math.round((systemClock.monotonic() - began) / 1_000);
  say(`${part.name} passed in ${seconds} s`);
  return seconds > MOST_SECONDS ? `it took ${seconds} s, more than ${MOST_SECONDS}` : seconds;
}

function record({ name }: Part, seconds: number): void {
  const runs = { ...read(), [name]: { on: new Date(systemClock.now()).toISOString().slice(0, 10), seconds } };
  const sorted = Object.fromEntries(Object.entries(runs).toSorted(([a], [b]) => a.localeCompare(b)));
  writeFileSync(join(root, TABLE), `${JSON.stringify(sorted, undefined, 2)}\n`);
}
