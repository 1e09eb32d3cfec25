import { nearest } from '@convergekit/config/engine';
import { failingConsumerOf } from '@convergekit/contracts/engine';

/** The topics of a service, as its process reports them at its start. */
export interface ServiceTopics {
  readonly service: string;
  /** Those in which it declares events, and those of its consumers' failures. */
  readonly writes: readonly string[];
  /** Those that it reads, and does not write. */
  readonly missing: readonly string[];
}

/** Names topics that a service reads and no service writes: a typo would wait for ever (pure). */
export function unwrittenTopics(services: readonly ServiceTopics[]): readonly string[] {
  const writers = new Map(services.flatMap(({ service, writes }) => writes.map((topic) => [topic, service])));
  return services.flatMap(({ service, missing }) =>
    missing
      .filter((topic) => !writers.has(topic))
      .map((topic) => {
        const failing = failingConsumerOf(topic);
        const near = nearest(topic, [...writers.keys()]);
        const of = near === undefined ? '' : (writers.get(near) ?? '');
        return failing === undefined
          ? unwritten(service, topic, near && `${near} of ${of}`)
          : absent(service, failing, near && `${failingConsumerOf(near) ?? near} of ${of}`);
      }),
  );
}

function unwritten(service: string, topic: string, near: string | undefined): string {
  const typo =
    near === undefined
      ? 'it'
      : `if ${near} is meant, correct the topic of the event's definition; otherwise it`;
  return `${service} reads topic ${topic}, and no service here declares an event in it: ${typo} may be the topic of another team, whose service does not run here`;
}

function absent(service: string, consumer: string, near: string | undefined): string {
  const typo =
    near === undefined
      ? 'it'
      : `if ${near} is meant, correct the name that onFailure(…) was given; otherwise it`;
  return `${service} handles the failures of consumer ${consumer}, and no service here has that consumer: ${typo} may be one of another team, whose service does not run here`;
}

/** Reports unwritten topics as soon as each of a number of services has reported its topics; each sentence once. */
export function topicsReport(number: number, say: (line: string) => void): (reported: ServiceTopics) => void {
  const services = new Map<string, ServiceTopics>();
  const said = new Set<string>();
  return (reported) => {
    services.set(reported.service, reported);
    if (services.size < number) return;
    for (const line of unwrittenTopics([...services.values()])) {
      if (said.has(line)) continue;
      said.add(line);
      say(line);
    }
  };
}
