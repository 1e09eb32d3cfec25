import type { Clock } from '@convergekit/core';
import type { Model, Run } from './model.ts';
import { neverTaken, type Output } from './output.ts';
import type { Tlc } from './tlc.ts';
import { verdictOf } from './verdict.ts';

interface Check {
  /** Names of models, or of configurations as `Step/undo`. @default all */
  readonly only: readonly string[] | undefined;
  readonly run: Tlc;
  readonly say: (line: string) => void;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly signal: AbortSignal;
}

/** Runs configurations and controls, and prints a line for each. Returns whether all is as it has to be. */
export async function checkModels(models: readonly Model[], check: Check): Promise<boolean> {
  const { only, say, clock } = check;
  const began = clock.monotonic();
  const counts = { configurations: 0, controls: 0, bad: 0 };
  refuseUnknown(models, only);
  say(lineOf('model', 'configuration', 'states', 'seconds', 'verdict'));
  for (const model of models) {
    const isWhole = only === undefined || only.includes(model.name);
    const chosen = [...model.configurations, ...model.controls].filter(
      ({ name }) => isWhole || only.includes(`${model.name}/${name}`),
    );
    const passed: Output[] = [];
    for (const one of chosen) {
      const { breaks } = one;
      counts[breaks === undefined ? 'configurations' : 'controls'] += 1;
      const { output, isGood } = await checkOne(model, one, check);
      if (!isGood) counts.bad += 1;
      if (breaks === undefined) passed.push(output);
    }
    const never = isWhole ? neverTaken(passed) : [];
    for (const action of never) say(`${model.name}: the action ${action} NEVER RAN`);
    counts.bad += never.length;
  }
  const seconds = ((clock.monotonic() - began) / 1_000).toFixed(0);
  say(
    `${counts.configurations} configurations and ${counts.controls} controls in ${seconds} s, ${counts.bad} bad`,
  );
  return counts.bad === 0;
}

async function checkOne(
  model: Model,
  one: Run,
  { run, say, clock, signal }: Check,
): Promise<{ readonly output: Output; readonly isGood: boolean }> {
  const began = clock.monotonic();
  const output = await run(model, one, signal);
  const { isGood, text } = verdictOf(output.outcome, one.breaks);
  const seconds = ((clock.monotonic() - began) / 1_000).toFixed(1);
  say(lineOf(model.name, one.name, `${output.states}`, seconds, text));
  return { output, isGood };
}

function refuseUnknown(models: readonly Model[], only: readonly string[] = []): void {
  const names = models.flatMap(({ name, configurations, controls }) => [
    name,
    ...[...configurations, ...controls].map((one) => `${name}/${one.name}`),
  ]);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(
      `there is no ${unknown.join(', ')}: name a model or a configuration of ${names.join(', ')}`,
    );
}

function lineOf(model: string, name: string, states: string, seconds: string, verdict: string): string {
  return `${model.padEnd(6)}  ${name.padEnd(24)}  ${states.padStart(8)}  ${seconds.padStart(7)}  ${verdict}`;
}
