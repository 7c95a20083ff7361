// What a command may touch of the terminal, so that tests can stand in for it.

export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** Exit codes of every command. */
export const exit = { fine: 0, bad: 1, usage: 2 } as const;

/** Wrong use of a command: its message goes to the user with a pointer to --help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Rows in aligned columns, the first row being the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return (
    rows
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      )
      .join('\n') + '\n'
  );
}
