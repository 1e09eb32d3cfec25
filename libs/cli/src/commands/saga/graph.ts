import {
  checkGraph,
  drawSaga,
  type ListedEvent,
  type ListedStep,
  type Listener,
  listSteps,
} from '@convergekit/saga/declare';
import { command } from '../../frame/command.ts';
import { UsageError } from '@convergekit/operate/errors';
import { someArguments, toggle } from '../../frame/flags.ts';
import { importSagas } from '@convergekit/operate/declared';
import { exportsLike } from '@convergekit/operate/host';
import { result } from '../../frame/result.ts';

/** Checks, lists and draws the sagas that modules export; connects to nothing. Rejects with SAGA_INVALID. */
export const graphCommand = command({
  name: 'graph',
  summary:
    'check the sagas that modules export, list their steps with undo, events, versions and topics, and draw them as Mermaid',
  args: { modules: someArguments('files or packages that export sagas') },
  flags: { consumers: toggle('also check that the consumers of the modules listen to all events they must') },
  run: async (_context, { modules, consumers }) => {
    const declarations = await importSagas(modules);
    if (declarations.length === 0)
      throw new UsageError(
        'MODULE_EMPTY',
        `${modules.join(', ')} export no saga: export what the builder of sagas of convergekit returns`,
      );
    checkGraph(declarations, ...(consumers ? [await exportsLike(modules, isConsumer)] : []));
    const drawn = declarations.map((declaration) => ({
      saga: declaration.name,
      version: declaration.version,
      steps: listSteps(declaration),
      mermaid: drawSaga(declaration),
    }));
    return result(drawn, () =>
      drawn.flatMap(({ saga, version, steps, mermaid }) => [
        `%% ${saga} v${version}`,
        ...steps.flatMap(stepLines).map((line) => `%% ${line}`),
        ...mermaid.split('\n'),
      ]),
    );
  },
});

/** A step in lines, which are comments of the drawing. Pure. */
function stepLines({ step, stage, by, kind, call, begins, emits, undo }: ListedStep): readonly string[] {
  const back =
    undo === null
      ? [`   undo: none, ${kind === 'pivot' ? 'it decides the saga' : 'it only goes forward'}`]
      : [
          `   undo: ${undo.nothing === null ? 'yes' : `nothing to undo (${undo.nothing})`}, on ${eventsText(undo.on)}`,
          `   undone: ${eventsText([undo.emits])}`,
        ];
  return [
    `${stage}. ${step} by ${by}: ${kind}${call ? ', a call' : ''}`,
    `   begins on ${eventsText(begins)}`,
    `   emits ${eventsText(emits)}`,
    ...back,
  ];
}

function eventsText(events: readonly ListedEvent[]): string {
  return events
    .map(({ type, version, topic }) => `${type}${version === null ? '' : ` v${version}`} (${topic})`)
    .join(', ');
}

function isConsumer(value: unknown): value is Listener {
  if (typeof value !== 'object' || value === null) return false;
  const { name, subscriptions } = value as Partial<Listener>;
  return typeof name === 'string' && Array.isArray(subscriptions);
}
