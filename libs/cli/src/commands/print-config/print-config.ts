import type { Setting } from '@convergekit/config';
import { formatValue, type SettingEntry, settingEntries } from '@convergekit/config/engine';
import { command } from '../../frame/command.ts';
import { toggle } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';
import { settingsSchema } from '@convergekit/operate/host';

/** Prints what the commands read: each setting with its value and the place that set it. Connects to nothing. */
export const printConfigCommand = command({
  name: 'print-config',
  summary: 'the settings in force: value and source of each, secrets hidden',
  flags: { all: toggle('also the settings that nothing sets, with their defaults') },
  run: ({ settings }, { all }) =>
    Promise.resolve(
      listing(
        linesOf(settings.set, all ? settingEntries(settingsSchema) : []),
        'nothing is set: all defaults apply',
        {
          setting: ({ path }) => path,
          value: ({ value }) => value,
          from: ({ from }) => from,
        },
      ),
    ),
});

interface SettingLine {
  readonly path: string;
  readonly value: string;
  readonly from: string;
}

/** Lists each path once, as its last source sets it, and the entries that nothing sets. Pure. */
export function linesOf(set: readonly Setting[], entries: readonly SettingEntry[]): readonly SettingLine[] {
  const inForce = new Map<string, SettingLine>();
  for (const one of set) {
    const path = one.path.join('.');
    // `{}` marks a group as present; its settings follow.
    if (path !== '' && JSON.stringify(one.value) !== '{}')
      inForce.set(path, { path, value: formatValue(one), from: one.source });
  }
  const left = entries.filter(({ path }) => !inForce.has(path) && !path.includes('<'));
  return [
    ...inForce.values(),
    ...left.map(({ path, fallback }) => ({ path, value: fallback, from: 'default' })),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
