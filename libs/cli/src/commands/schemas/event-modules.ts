import type { EventDefinition } from '@convergekit/contracts';
import type { Values } from '../../frame/flags.ts';
import { someArguments, text, texts } from '../../frame/flags.ts';
import { importEvents, isEvent } from '@convergekit/operate/declared';
import { exportsThat } from '@convergekit/operate/host';

export const modulesArgument = { modules: someArguments('files, folders or packages that export events') };

export const documentFlags = {
  dir: text('folder', 'the folder of the files (default: schemas)'),
  title: text('title', 'the title of the document, the name of the service (default: Events)'),
  documentVersion: text('version', 'the version of the document (default: 1.0.0)'),
  reads: texts('module', 'files, folders or packages with events that the service receives from others'),
};

/** The events and the document that a command is about. */
export async function readModules({
  modules,
  reads,
  dir = 'schemas',
  title = 'Events',
  documentVersion: version = '1.0.0',
}: Values<typeof modulesArgument & typeof documentFlags>) {
  const hint = 'no event: export what defineEvent returns';
  const events = await exportsThat(modules, isEvent, hint);
  const own = new Set(events.map(nameOf));
  // A module of consumers may export events of its own, too.
  const received = (await importEvents(reads)).filter((event) => !own.has(nameOf(event)));
  return { events, dir, info: { title, version, received } };
}

const nameOf = ({ type, version }: EventDefinition): string => `${type} v${version}`;
