import type { TopicDescription } from '@convergekit/broker/engine';

/** Whether a topic was deleted and made again. An id that is not known says nothing. */
export function isMadeAgain(
  known: string | undefined,
  { topicId }: Pick<TopicDescription, 'topicId'>,
): boolean {
  return known !== undefined && topicId !== null && topicId !== known;
}

export function madeAgainText(name: string): string {
  return `it was deleted and made again, so its log lacks what was acknowledged. Go on behind that with \`converge topics accept ${name} --made-again --reason TEXT\`; to send once more what the outbox retains, stop the relays and \`converge source rebase\``;
}
