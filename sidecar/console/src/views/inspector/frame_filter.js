// Which frames are shown, and how they are written.

/** { text, type, direction } -> those frames that have all of it; an empty one asks for nothing. */
export function filterFrames(frames, { text = '', type = '', direction = '' }) {
  const wanted = text.trim().toLowerCase();
  if (!wanted && !type && !direction) return frames;
  return frames.filter(
    (frame) =>
      (!direction || frame.direction === direction) &&
      (!type || frame.type === type) &&
      (!wanted || frame.text.toLowerCase().includes(wanted)),
  );
}

/** What tells one frame from its neighbours, in a few words. */
export function gist({ type, method, channel, text }) {
  if (type === 'error') return [method, JSON.parse(text).payload?.code].filter(Boolean).join(': ');
  if (method) return method;
  return channel ? channel.replace(/^tenant:[^:]+:/, '').replace(/([0-9a-f]{8})-[0-9a-f-]{27}/g, '$1…') : '';
}

/** The time of day with milliseconds. */
export const stamp = (at) => {
  const date = new Date(at);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
};

export const sizeWords = (length) => (length >= 10240 ? `${Math.round(length / 1024)} kB` : length >= 1024 ? `${(length / 1024).toFixed(1)} kB` : `${length} B`);

/** What is exported: frames as they are shown, so without secrets. */
export const exported = (frames, about) =>
  JSON.stringify({ ...about, frames: frames.map(({ n, at, direction, text }) => ({ n, at, direction, frame: JSON.parse(text) })) }, null, 1);
