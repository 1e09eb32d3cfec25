import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type SettingEntry, settingEntries } from '@convergekit/config/engine';
import { nouns } from '../../libs/cli/src/commands/index.ts';
import { conditionSections } from '@convergekit/operate';
import { settingsSchema } from '@convergekit/operate/host';
import { serviceSettings } from '../../libs/kit/src/service/settings.ts';
import { attemptInstruments } from '../../libs/telemetry/src/instruments/attempts.ts';
import { inboxInstruments } from '../../libs/telemetry/src/instruments/inbox.ts';
import { outboxInstruments } from '../../libs/telemetry/src/instruments/outbox.ts';
import { reconcileInstruments } from '../../libs/telemetry/src/instruments/reconcile.ts';
import { relayInstruments } from '../../libs/telemetry/src/instruments/relay.ts';
import { sagaInstruments } from '../../libs/telemetry/src/instruments/sagas.ts';
import { alarmsPage } from './alarms-page.ts';
import { cliPage } from './cli-page.ts';
import { metricsPage } from './metrics-page.ts';
import { namesPage } from './names-page.ts';
import { publicApi } from './public-api.ts';
import { gapsOf, settingsPage, type SettingsSection } from './settings-page.ts';

/** Writes (`write`) or checks (`check`) the generated pages of this folder, and the tables of the guide of alarms. */
const ofServices = settingEntries(serviceSettings);
const ofCommands = settingEntries(settingsSchema);
const inBoth = ofServices.filter((one) => ofCommands.some((other) => isDeepStrictEqual(one, other)));
const without = (entries: readonly SettingEntry[]) =>
  entries.filter((one) => !inBoth.some((other) => isDeepStrictEqual(one, other)));
const sections: readonly SettingsSection[] = [
  {
    title: 'Of services and commands',
    intro: 'Each process uses those that concern it.',
    entries: inBoth,
  },
  {
    title: 'Of a service',
    intro:
      'A process of `defineService()` also reads these settings, and those of `settings` in its declaration.',
    entries: without(ofServices),
  },
  {
    title: 'Of the commands',
    intro: 'The `converge` commands, the relay, the reconciler and the console also read these settings.',
    entries: without(ofCommands),
  },
];

const metricsSections = Object.entries({
  Outboxes: outboxInstruments,
  Relays: relayInstruments,
  Consumers: inboxInstruments,
  'Attempts, policies and breakers': attemptInstruments,
  'Calls, workflows and sagas': sagaInstruments,
  'Reconcilers and scans': reconcileInstruments,
}).map(([title, instruments]) => ({ title, instruments: Object.values(instruments) }));

const alarms = new URL('../guides/alarms.md', import.meta.url);

async function pages(): Promise<ReadonlyMap<URL, string>> {
  const loaded = await Promise.all(
    nouns.map(async ({ name, summary, load }) => ({ name, summary, commands: await load() })),
  );
  return new Map([
    [new URL('settings.md', import.meta.url), settingsPage(sections)],
    [new URL('cli.md', import.meta.url), cliPage(loaded)],
    [new URL('metrics.md', import.meta.url), metricsPage(metricsSections)],
    [new URL('names.md', import.meta.url), namesPage(publicApi())],
    [alarms, alarmsPage(await readFile(alarms, 'utf8'), Object.values(conditionSections))],
  ]);
}

async function stalePages(): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const [file, text] of await pages())
    if ((await readFile(file, 'utf8').catch(() => '')) !== text)
      stale.push(
        `docs/${file.pathname.split('/').slice(-2).join('/')} is not what the code says: run make docs`,
      );
  return stale;
}

const [command] = process.argv.slice(2);
if (command === 'write') for (const [file, text] of await pages()) await writeFile(file, text);
const wrong = [...gapsOf(sections), ...(command === 'check' ? await stalePages() : [])];
for (const line of wrong) process.stderr.write(`${line}\n`);
if (command !== 'write' && command !== 'check') process.stderr.write('name a command: write | check\n');
process.exitCode = command !== 'write' && command !== 'check' ? 78 : wrong.length === 0 ? 0 : 1;
