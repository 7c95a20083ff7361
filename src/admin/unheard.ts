// What goes with an answer that some replicas had no part in.
// https://www.rfc-editor.org/rfc/rfc9111#section-5.5
export const unheardWarning = (unheard: readonly string[], missing = 'its proxies are missing'): string =>
  unheard.map((replica) => `299 - "the replica ${replica} does not answer: ${missing}"`).join(', ');
