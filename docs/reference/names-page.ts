import type { PublicDoor, PublicName } from './public-api.ts';

const HEAD = `# Public names

What each entry point of the published packages exports, with the comments of the code: the editor shows the same. No other name is for users.

\`make docs\` generates this page from the declarations in the code. Do not edit it.
`;

/** Renders the page of all public names. Pure. */
export function namesPage(doors: readonly PublicDoor[]): string {
  return [HEAD, ...doors.map(doorText)].join('\n');
}

function doorText({ door, names }: PublicDoor): string {
  return [`## ${door}\n`, ...names.map(nameText)].join('\n');
}

function nameText({ name, comment, declarations, example }: PublicName): string {
  const blocks = [declarations.join('\n'), ...(example === undefined ? [] : [example])];
  // A tag outside code would be HTML of the page.
  const text = comment.replace(/<(?![^`]*`)/g, '&lt;');
  return [`### ${name}\n`, ...(text === '' ? [] : [`${text}\n`]), ...blocks.map(codeBlock)].join('\n');
}

const codeBlock = (code: string): string => `\`\`\`ts\n${code}\n\`\`\`\n`;
