/** The roles of people, each with the rights of those before it. */
export const ROLES = ['viewer', 'operator', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

/** The kinds of things that an area names. */
const AREA_KINDS = ['database', 'consumer', 'saga', 'reconciler'] as const;

/** The things that an act concerns, by kind; `*` = it may concern any of the kind. */
export type Concerned = Readonly<Partial<Record<(typeof AREA_KINDS)[number], string>>>;

/** Everything: of a right that has no area. */
export const EVERYTHING: Concerned = { database: '*', consumer: '*', saga: '*', reconciler: '*' };

/** A role, and the areas in which it holds: `*`, or `<kind>:<name>` with `*` for any characters. */
export interface Grant {
  readonly role: Role;
  readonly areas: readonly string[];
}

/** A right of the settings: a grant for people, by name or by group. */
export interface Right extends Grant {
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

export interface Person {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Names are compared without regard to capitals: a proxy may write them as its user did. */
const foldedName = (name: string): string => name.trim().toLowerCase();

/** Returns the grants of a person, by name and by groups. Pure. */
export function grantsOf(
  { name, groups }: Person,
  rights: Readonly<Record<string, Right>>,
): readonly Grant[] {
  return Object.values(rights).filter(
    (right) =>
      right.users.some((user) => foldedName(user) === foldedName(name)) ||
      right.groups.some((group) => groups.includes(group)),
  );
}

/** Returns whether one of the grants permits an act that needs a role. Pure. */
export function isPermitted(grants: readonly Grant[], needs: Role, concerned: Concerned): boolean {
  return grants.some(
    ({ role, areas }) => hasRole(role, needs) && areas.some((area) => covers(area, concerned)),
  );
}

const hasRole = (role: Role, needs: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needs);

function covers(area: string, concerned: Concerned): boolean {
  if (area === '*') return true;
  const [kind, pattern] = partsOf(area);
  const known = AREA_KINDS.find((one) => one === kind);
  const name = known && concerned[known];
  // An act that may concern any consumer is in no area of some.
  return name !== undefined && (name === '*' ? pattern === '*' : matches(pattern, name));
}

function partsOf(area: string): readonly [kind: string, pattern: string] {
  const at = area.indexOf(':');
  return at < 0 ? [area, ''] : [area.slice(0, at), area.slice(at + 1)];
}

/** Returns whether a name fits a pattern, in which `*` stands for any characters. Pure. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}

/** Returns who may do what a person may not, for the page that refuses it. Pure. */
export function holdersText(
  rights: Readonly<Record<string, Right>>,
  needs: Role,
  concerned: Concerned,
): string {
  const holding = Object.values(rights).filter((right) => isPermitted([right], needs, concerned));
  const users = holding.flatMap((right) => right.users);
  const groups = holding.flatMap((right) => right.groups.map((group) => `group ${group}`));
  return [...new Set([...users, ...groups])].join(', ');
}

/** Returns what an act concerns, in words: `consumer stock in any database`. Pure. */
export function concernedText(concerned: Concerned): string {
  const named = AREA_KINDS.flatMap((kind) => {
    const name = concerned[kind];
    return name === undefined ? [] : [name === '*' ? `any ${kind}` : `${kind} ${name}`];
  });
  return named.length === AREA_KINDS.length ? 'everything' : named.toReversed().join(' of ');
}

/** The names against which the rights of the settings are checked; undefined = they are not known before. */
export interface KnownNames {
  readonly users: readonly string[] | undefined;
  /** False where nothing says to which groups a person belongs. */
  readonly hasGroups: boolean;
  readonly databases: readonly string[];
}

/** Returns what is wrong with the rights of the settings, one sentence for each; none = they can be used. Pure. */
export function rightsFaults(rights: Readonly<Record<string, Right>>, known: KnownNames): readonly string[] {
  return Object.entries(rights).flatMap(([name, { users, groups, areas }]) => {
    const at = `CONVERGE__CONSOLE__RIGHTS__${name.toUpperCase()}`;
    const unused = users.length + groups.length === 0 ? [`${at} names no user and no group`] : [];
    const strangers = users.filter(
      (user) => known.users !== undefined && !known.users.map(foldedName).includes(foldedName(user)),
    );
    const unknown = strangers.map(
      (user) =>
        `${at}__USERS names ${user}, and no user has this name: the users are ${known.users?.join(', ') || 'none'}. Correct the name, or give the user a token (CONVERGE__CONSOLE__TOKENS__<USER>)`,
    );
    const empty =
      groups.length > 0 && !known.hasGroups
        ? [
            `${at}__GROUPS names ${groups.join(', ')}, and nothing says who belongs to a group: name users, or set a provider (CONVERGE__CONSOLE__OIDC__ISSUER)`,
          ]
        : [];
    return [...unused, ...unknown, ...empty, ...areas.flatMap((area) => areaFault(at, area, known))];
  });
}

function areaFault(at: string, area: string, { databases }: KnownNames): readonly string[] {
  if (area === '*') return [];
  const [kind, pattern] = partsOf(area);
  if (pattern === '' || !AREA_KINDS.some((one) => one === kind))
    return [
      `${at}__AREAS has ${area}, which is no area: write it as ${AREA_KINDS.join(':…, ')}:… or *, such as consumer:stock-*`,
    ];
  if (kind !== 'database' || databases.some((name) => matches(pattern, name))) return [];
  return [
    `${at}__AREAS has ${area}, and no database has this name: the databases are ${databases.join(', ') || 'none'}`,
  ];
}
