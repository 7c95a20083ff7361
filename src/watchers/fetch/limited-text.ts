// The body of an answer as text, and no more of it than somebody is ready to hold: whoever answers may send without end.
// https://developer.mozilla.org/docs/Web/API/Response/body

/** `answer` is what the error calls it that says that there are more than `most` bytes. */
export async function limitedText({ body }: Response, most: number, answer: string): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > most) throw new Error(`${answer} is longer than ${most} bytes`);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  return parts.join('');
}
