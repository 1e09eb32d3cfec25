import {
  dropRegistered,
  fill,
  listGaps,
  listTypes,
  pause,
  replay,
  resume,
} from '@convergekit/operate/consumers';
import { actCommand, listCommand } from '../../frame/act-command.ts';
import type { Group } from '../../frame/command.ts';
import { overviewCommand } from './list.ts';

const types: Group = {
  name: 'types',
  summary: 'the types of events that consumers have registered',
  commands: [listCommand(listTypes), actCommand(dropRegistered)],
};

export const consumerCommands = [
  overviewCommand,
  listCommand(listGaps),
  ...[fill, pause, resume, replay].map(actCommand),
  types,
];
