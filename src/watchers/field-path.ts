// The way to a field inside an object: ['spec', 'http', 0, 'route', 1, 'weight'], written spec.http[0].route[1].weight.

export type FieldPath = readonly (string | number)[];

const plainKey = /^[A-Za-z_][\w-]*$/;

/** The path as `kubectl explain` and our messages write it; keys with other characters are quoted. */
export function formatPath(path: FieldPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!plainKey.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}
