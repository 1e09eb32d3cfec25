/** The number of partitions in commands that are printed: enough for six members of a group. */
export const suggestedPartitions = 6;

/** Builds the command that creates topics, to be typed as it is. */
export function createTopics(names: readonly string[], partitions: number = suggestedPartitions): string {
  return `converge topics create ${names.join(' ')} --partitions ${partitions}`;
}
