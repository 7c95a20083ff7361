/** Where the server tells what went wrong. Fields are plain values; secrets never are among them. */
export interface Log {
  readonly info: (message: string, fields?: object) => void;
  readonly warn: (message: string, fields?: object) => void;
  readonly error: (message: string, fields?: object) => void;
}
