import { createTopics } from '@convergekit/broker/engine';

/** True when a topic was deleted and created again. An unknown id proves nothing. */
export function isRecreated(known: string | undefined, topicId: string | null): boolean {
  return known !== undefined && topicId !== null && topicId !== known;
}

export function recreatedText(name: string): string {
  return `it was deleted and created again, so its log lacks what was acknowledged. To continue behind that: \`converge topics accept ${name} --made-again --reason "…"\`; to send again what the outbox retains, stop the relays and run \`converge source rebase --reason "…" --yes\``;
}

/** `partitions`: their number on record, with which it has to be made again; 0 where it was never found. */
export function unknownText(name: string, partitions: number): string {
  return `the broker has no topic ${name}. Create it: \`${createTopics([name], partitions === 0 ? undefined : partitions)}\``;
}
