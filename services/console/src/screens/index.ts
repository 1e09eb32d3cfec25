import type { Screen } from '../screen.ts';
import { attention } from './attention/screen.ts';
import { audit } from './audit/screen.ts';
import { consumers } from './consumers/screen.ts';
import { drift } from './drift/screen.ts';
import { failures } from './failures/screen.ts';
import { policies } from './policies/screen.ts';
import { sagas } from './sagas/screen.ts';
import { schedules } from './schedules/screen.ts';
import { search } from './search/screen.ts';
import { tail } from './tail/screen.ts';

/** The screens in the order of the menu. */
export const screens: readonly Screen[] = [
  attention,
  sagas,
  failures,
  drift,
  search,
  tail,
  consumers,
  schedules,
  policies,
  audit,
];
