import { describe, expect, it } from 'vitest';
import { commandsIn, wordsOf } from './advice.ts';
import { partitionOfGroup } from './broker-places.ts';

describe('the advice of a text for operators', () => {
  it('the commands of a text are those of converge between backticks, in their order', () => {
    const text =
      'do `converge topics create a --partitions 3`, not `kafka-topics.sh`; then `converge doctor`';
    expect(commandsIn(text)).toEqual(['converge topics create a --partitions 3', 'converge doctor']);
    expect(commandsIn('bring the broker back')).toEqual([]);
  });

  it('the words of a command are those that a shell reads, without the program', () => {
    expect(wordsOf('converge topics accept a --reason "made again, by hand"')).toEqual([
      'topics',
      'accept',
      'a',
      '--reason',
      'made again, by hand',
    ]);
  });

  it('a place of a command that the operator fills in is filled in, and one without a value stays', () => {
    const filledIn = { 'the groups that read it': 'stock,mail' };
    const command = 'converge topics accept a --groups <the groups that read it> --by <you>';
    expect(wordsOf(command, filledIn)).toEqual([
      'topics',
      'accept',
      'a',
      '--groups',
      'stock,mail',
      '--by',
      '<you>',
    ]);
  });
});

// The numbers are those of Java's own hashCode; the last two hashes are negative, one of them the least integer.
it('a group has the partition of its offsets that Kafka gives it, also where the hash of its name is negative', () => {
  const groups = ['stock', 'mail', 'orders-view', 'polygenelubricants'];
  expect(groups.map((group) => partitionOfGroup(group, 50))).toEqual([18, 49, 39, 0]);
});
