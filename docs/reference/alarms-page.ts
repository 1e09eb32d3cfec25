import type { Condition } from '@convergekit/operate';

const START = '<!-- prettier-ignore-start -->\n';
const END = '\n<!-- prettier-ignore-end -->';

/** Puts the tables of conditions into the guide of alarms, one for each of its blocks. The prose stays as it is. Pure. */
export function alarmsPage(guide: string, sections: readonly (readonly Condition[])[]): string {
  const [head = '', ...blocks] = guide.split(START);
  const filled = blocks.map((block, at) => {
    const [table = '', after = ''] = block.split(END);
    const [, title, rule] = table.split('\n');
    const rows = (sections[at] ?? []).map(rowOf(at));
    return [START, ['', title, rule, ...rows, ''].join('\n'), END, after].join('');
  });
  return [head, ...filled].join('');
}

/** The relay's table ends with the delay, the consumers' begins with the kind. */
const rowOf =
  (at: number) =>
  ({ name, more, means, next }: Condition): string => {
    const cells = more === undefined ? [means, next] : at === 0 ? [means, next, more] : [more, means, next];
    return `| \`${name}\` | ${cells.join(' | ')} |`;
  };
