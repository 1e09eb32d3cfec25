import type { Group } from '../../frame/command.ts';
import { fillCommand, gapsCommand } from './gaps.ts';
import { listCommand } from './list.ts';
import { pauseCommand, resumeCommand } from './resume.ts';
import { replayCommand } from './replay.ts';
import { dropTypeCommand, listTypesCommand } from './types.ts';

const types: Group = {
  name: 'types',
  summary: 'the types of events that consumers have registered',
  commands: [listTypesCommand, dropTypeCommand],
};

export const consumerCommands = [
  listCommand,
  gapsCommand,
  fillCommand,
  pauseCommand,
  resumeCommand,
  replayCommand,
  types,
];
