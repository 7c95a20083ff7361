// The key set of an issuer whose keys could not be had: no token is ever good under it. Its one key is a point of the curve
// P-256 that was found by hashing a sentence, so nobody can know the private half; a test finds it again.
// https://www.rfc-editor.org/rfc/rfc7517

export const sentenceOfNobody = 'keelson: a key that belongs to nobody';

const point = {
  x: 'KsbrJhvAusHUibFqCVYBwScgdU88RvbIplqjLoBGabo',
  y: 'yhfU73ktKr3ljnBeiywhvXYsmaZgzduymZFn7MjbdsQ',
};

export const keysOfNobody = JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', ...point }] });
