// JSON that somebody else wrote, a workload of itself or a user inside a text: nothing in it is trusted to fit.
// https://www.rfc-editor.org/rfc/rfc8259#section-4

export type JsonObject = Readonly<Record<string, unknown>>;

/** Undefined for everything else: lists, texts, null. */
export const jsonObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
