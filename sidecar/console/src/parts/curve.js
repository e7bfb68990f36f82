// Where the points of a curve lie. Where a value is missing, the curve has a hole.

/** A round number not below `value`: 1, 2, 5, 10, 20, ... */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999999);
}

/**
 * Pieces of an SVG path: { line, area }. points: [{ at, value | null }] oldest first; from, to: the times at both
 * ends; top: the value at the upper end.
 */
export function pathOf(points, { from, to, top, width, height }) {
  const x = (at) => (((at - from) / (to - from)) * width).toFixed(1);
  const y = (value) => (height - (Math.min(Math.max(value, 0), top) / top) * height).toFixed(1);
  const runs = [[]];
  for (const { at, value } of points) {
    if (value === null || at < from) {
      if (runs.at(-1).length > 0) runs.push([]);
    } else runs.at(-1).push({ at, value });
  }
  const drawn = runs.filter((run) => run.length > 0);
  const line = drawn.map((run) => 'M' + run.map(({ at, value }) => `${x(at)} ${y(value)}`).join('L')).join('');
  const closed = (run) => `M${x(run[0].at)} ${height}L` + run.map(({ at, value }) => `${x(at)} ${y(value)}`).join('L') + `L${x(run.at(-1).at)} ${height}Z`;
  return { line, area: drawn.map(closed).join('') };
}
