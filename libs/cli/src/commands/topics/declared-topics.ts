import { failureTopic } from '@convergekit/contracts';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import { texts } from '../../frame/flags.ts';
import { exportsThat } from '@convergekit/operate/host';
import { isEvent, isSaga } from '@convergekit/operate/declared';

export const fromModules = {
  from: texts(
    'module',
    'files, folders or packages that export services, consumers, sagas or events: all of their topics',
  ),
};

/** Lists the topics of everything that the modules declare, failure topics included, in the order of their names. */
export async function topicsOfModules(modules: readonly string[]): Promise<readonly string[]> {
  const hint =
    'no service, consumer, saga or event: export what service, defineConsumer, saga or defineEvent returns';
  const fits = (value: unknown): value is unknown => topicsOf(value).length > 0;
  const exported = await exportsThat(modules, fits, hint);
  return [...new Set(exported.flatMap(topicsOf))].toSorted();
}

/** Lists the topics of an exported value; of an array, those of its elements. Empty where it declares none. */
export function topicsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(topicsOf);
  if (isSaga(value)) return topicsOfSaga(value.declaration);
  if (isConsumer(value)) return [...value.topics, value.failureTopic];
  if (isService(value)) return value.topics;
  return isEvent(value) ? [value.topic] : [];
}

function topicsOfSaga({ start, cancel, stages }: SagaDeclaration): readonly string[] {
  const steps = stages.flatMap((stage) => stage.steps);
  const events = [
    start,
    cancel,
    ...steps.flatMap(({ success, failure, undone }) => [success, failure, undone]),
  ];
  return [
    ...events.flatMap((event) => (event === undefined ? [] : [event.topic])),
    ...steps.map(({ by }) => failureTopic(by)),
  ];
}

interface Consumer {
  readonly topics: readonly string[];
  readonly failureTopic: string;
}

function isConsumer(value: unknown): value is Consumer {
  if (typeof value !== 'object' || value === null) return false;
  const { topics, failureTopic: failures } = value as Partial<Consumer>;
  return Array.isArray(topics) && typeof failures === 'string';
}

/** What `defineService()` returns. */
function isService(value: unknown): value is { readonly topics: readonly string[] } {
  if (typeof value !== 'object' || value === null) return false;
  const { name, run } = value as { readonly name?: unknown; readonly run?: unknown };
  return (
    typeof name === 'string' && typeof run === 'function' && 'topics' in value && Array.isArray(value.topics)
  );
}
