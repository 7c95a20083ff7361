// The two ways to say "this is a bug of ours": both throw, and one place per proxy catches (DESIGN, Errors).

export class Bug extends Error {
  override readonly name = 'Bug';
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** The end of a `switch` over a union: a new member fails to compile here. */
export function assertNever(value: never): never {
  throw new Bug(`unexpected value ${JSON.stringify(value)}`);
}
