// Envoy's substitution formats as the labels of metrics need them: a value that is missing is called unknown.
// https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#command-operators

/** One command of a format: `{command: 'REQ', param: ':AUTHORITY'}` is `%REQ(:AUTHORITY)%`. */
export interface Command {
  readonly command: string;
  readonly param?: string;
}

export const command = (name: string, param?: string): Command => ({
  command: name,
  ...(param !== undefined && { param }),
});

export const cel = (expression: string): Command => command('CEL', expression);

/**
 * The text itself, where a command must stand: a format of time that has nothing of the time in it. Envoy reads an
 * expression for it ten times as long, and there are hundreds.
 */
export const constant = (words: string): Command => command('START_TIME', words);

/** The command alone: `%REQ(:AUTHORITY)%`. */
export const text = ({ command: name, param }: Command): string =>
  param === undefined ? `%${name}%` : `%${name}(${param})%`;

/** Text that stands for itself. */
export const literal = (words: string): string => (words === '' ? unknown : words.replaceAll('%', '%%'));

/** The first of the commands that has a value. */
export const firstOf = (...commands: readonly Command[]): string =>
  `%COALESCE(${JSON.stringify({ operators: [...commands.map(operator), constant(unknown)] })})%`;

/** Its name is enough for one without a parameter. */
const operator = (one: Command): Command | string => (one.param === undefined ? one.command : one);

export const unknown = 'unknown';
