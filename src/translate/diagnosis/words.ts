// Lists in sentences.

const most = 5;

/** `a, b and c`; of many only the first. */
export function listed(items: readonly string[]): string {
  if (items.length > most) return `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}
